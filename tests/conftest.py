"""What tests share: the command line as a process, and a `playlake dev` to talk to."""

import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

PLAYLAKE = (sys.executable, "-m", "playlake")

# What a shell starts by `make test &` ignores Ctrl-C, and so would what tests send it to.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A law is no benchmark: on a machine that has other things to do an example may take a second.
settings.register_profile("playlake", settings(deadline=None))
settings.load_profile("playlake")

SHARING = frozenset({"kinesis"})
"""Folders whose files share what is costly to start."""
TEMPLATE = "test_template"
"""How files begin that share what osls packages: a second for each set of options."""
LONGEST = (
    *("aws", "kinesis", "test_torture_quick.py", "test_zips.py", "test_dashboard.py"),
    "test_plugin.py",
)
"""What takes longest begins first, so that no worker is left alone with it in the end."""
EACH = "test_torture_quick.py"
"""Where each test is as long as another file's are all together."""
ALONE = "alone or idle"
"""The run of those that nothing may run beside, and of what takes only the time they leave over."""


def group(nodeid: str, markexpr: str) -> str:
    """What one worker has to itself: a file, a folder whose files share, or a test that is long;
    in the run of those that are alone, all of them."""
    path = Path(nodeid.partition("::")[0])
    if path.name == EACH:
        return nodeid
    if markexpr == ALONE:
        return "alone"
    if path.name.startswith(TEMPLATE):
        return TEMPLATE
    return path.parent.name if path.parent.name in SHARING else path.name


@pytest.fixture(autouse=True)
def _left_over(request: pytest.FixtureRequest) -> None:
    """Whoever is `idle` has a worker to itself, which runs whenever no other process would."""
    if "idle" in request.keywords and "PYTEST_XDIST_WORKER" in os.environ:
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.nice(19)


@pytest.fixture(scope="session", autouse=True)
def _aws_read_once() -> Iterator[None]:
    """What botocore knows of AWS's services is parsed once, not for each client; each has its own
    all the same, for a client strikes the bucket out of the paths in its model of S3."""
    parse = JSONFileLoader().load_file
    parsed = cache(lambda path: pickle.dumps(parse(path)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: pickle.loads(parsed(path)))
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores: whoever waits for a server leaves its core to the others."""
    return 3 if config.option.markexpr == ALONE else min(4, (os.cpu_count() or 1) + 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See `LONGEST`; whoever is alone is first of all, with a worker that is not yet `idle`."""
    order = {name: position for position, name in enumerate(LONGEST)}

    def place(item: pytest.Item) -> int:
        path = item.path
        if "alone" in item.keywords:
            return -1
        return min(order.get(name, len(order)) for name in (path.parent.name, path.name))

    items.sort(key=place)


class ByGroup(LoadScopeScheduling):
    """Groups are handed to workers whole, in the order of their first tests.

    xdist's own `--dist loadgroup` writes a group into the test's `_nodeid`, which pytest 9.2 does
    not read any more: each test was a group of its own.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid, self.config.option.markexpr)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    """The scheduler of a run on several workers."""
    return ByGroup(config, log)


Tell = Callable[[str], None]
"""Says something to whoever watches the tests run."""


@pytest.fixture(scope="session")
def tell(request: pytest.FixtureRequest) -> Tell:
    """Prints, whatever pytest captures; to standard error, which xdist's workers have too."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(text, file=sys.stderr, flush=True)

    return tell


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str


def run_playlake(
    *arguments: object, timeout: float = 120, environment: Mapping[str, str] | None = None
) -> Ran:
    """Run the command line to its end; with no other environment than that, if one is given."""
    done = subprocess.run(
        [*PLAYLAKE, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def begun_playlake(*arguments: object) -> subprocess.Popen[bytes]:
    """Begin the command line, and leave it to itself; nobody hears what it says."""
    nowhere = subprocess.DEVNULL
    return subprocess.Popen([*PLAYLAKE, *map(str, arguments)], stdout=nowhere, stderr=nowhere)


@dataclass
class Dev:
    """A running `playlake dev`."""

    process: subprocess.Popen[str]
    data: Path
    url: str = ""
    lines: list[str] = field(default_factory=list)

    def post(self, event: object, **kwargs: object) -> httpx.Response:
        """POST one JSON body."""
        return httpx.post(f"{self.url}/events", json=event, timeout=10, **kwargs)

    def stop(self, number: int = signal.SIGINT) -> str:
        """Stop it as Ctrl-C does, and give everything it printed."""
        self.process.send_signal(number)
        self.process.wait(30)
        self._reader.join(10)
        return "".join(self.lines)

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        self.process.kill()
        self.process.wait(10)
        self._reader.join(10)

    def read_url(self) -> None:
        """Follow what it prints, and wait for the line that names the URL."""
        found = threading.Event()

        def follow() -> None:
            for line in self.process.stdout:
                self.lines.append(line)
                if match := re.search(r"serves (http://\S+?)/ ", line):
                    self.url = match[1]
                    found.set()
            found.set()

        self._reader = threading.Thread(target=follow, daemon=True)
        self._reader.start()
        assert found.wait(30), "playlake dev did not start"
        assert self.url, "".join(self.lines)


def start_dev(data: Path, *options: str, session: bool = False) -> Dev:
    """Start `playlake dev` on a free port; in a session of its own, as a terminal has, if asked."""
    process = subprocess.Popen(
        [*PLAYLAKE, "dev", "--port", "0", "--data", str(data), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
        start_new_session=session,
    )
    dev = Dev(process, data)
    try:
        dev.read_url()
    except AssertionError:
        process.kill()
        process.wait()
        raise
    return dev


@contextmanager
def running_dev(data: Path, *options: str, session: bool = False) -> Iterator[Dev]:
    """`playlake dev`, stopped at the end whatever happens; see `start_dev`."""
    dev = start_dev(data, *options, session=session)
    try:
        yield dev
    finally:
        if dev.process.poll() is None:
            dev.kill()
        dev.process.stdout.close()


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    """A `playlake dev` over a fresh folder."""
    with running_dev(tmp_path / "data") as running:
        yield running


def eventually(check: Callable[[], object], seconds: float = 3.0) -> None:
    """Call `check` until it raises no AssertionError any more, for so long at most."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
