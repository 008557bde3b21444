"""The transform in a process of its own: the same as in this one, whatever happens to either."""

import errno
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from events.errors import CatalogUnavailable, StoreUnavailable, Unavailable
from ingest.drivers.spool import Batch, SpooledRecord
from playlake.local.apart import ApartTransform
from playlake.local.folder import DataFolder
from playlake.local.invocation import Failure, Transformed
from playlake.local.transforming import invoke_here
from tests.conftest import Dev, eventually, running_dev
from tests.processes import children, runs
from tests.records import LAB_CLICK, LAB_PLAY, lines
from tests.torture.load import rows_by_id
from transform.drivers.file_store import FileStore

NOW = 1_790_000_000_000
BATCH = Batch(
    (
        SpooledRecord(1, NOW, lines(LAB_PLAY, LAB_CLICK)),
        SpooledRecord(2, NOW + 1, b"no JSON\n"),
        SpooledRecord(3, NOW + 2, lines(LAB_PLAY | {"event_id": "third"})),
    )
)


def gone(pid: int) -> Callable[[], None]:
    """A check that the process has ended."""

    def check() -> None:
        assert not runs(pid)

    return check


class Heard:
    """What lies in the lake, as it is told; raises the faults, one an object, first to last."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults: list[Exception] = []

    def __call__(self, key: str, data: bytes) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.objects[key] = data


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def apart(tmp_path: Path, heard: Heard) -> Iterator[ApartTransform]:
    with closing(ApartTransform(tmp_path / "lake", heard)) as transform:
        yield transform


def test_what_comes_of_a_batch_is_what_comes_of_it_here(
    tmp_path: Path, apart: ApartTransform, heard: Heard
) -> None:
    here = Heard()
    expected = invoke_here(FileStore(tmp_path / "here"), here)(BATCH, "id")
    assert isinstance(expected, Transformed)
    assert apart(BATCH, "id") == expected
    assert heard.objects == here.objects
    assert {key.split("/")[0] for key in heard.objects} >= {"video_play_events", "rejected_events"}
    lake = FileStore(tmp_path / "lake")
    assert {key: lake.get(key) for key in list(lake.keys())} == heard.objects


def test_a_process_that_dies_fails_its_attempt_and_another_begins(
    tmp_path: Path, heard: Heard
) -> None:
    begun = set(children(os.getpid()))

    def kill(key: str, data: bytes) -> None:
        if not heard.objects:
            (child,) = set(children(os.getpid())) - begun
            os.kill(child, signal.SIGKILL)
            eventually(gone(child))
        heard(key, data)

    with closing(ApartTransform(tmp_path / "lake", kill)) as apart:
        failed = apart(BATCH, "id")
        assert failed == Failure(
            "Lambda.FunctionError", "the transform's process was ended by signal 9"
        )
        assert isinstance(apart(BATCH, "again"), Transformed)
    assert set(children(os.getpid())) <= begun


def test_infrastructure_that_fails_on_either_side_is_no_fault_of_the_batch(
    tmp_path: Path, apart: ApartTransform, heard: Heard
) -> None:
    heard.faults.append(CatalogUnavailable("the catalog is down"))
    with pytest.raises(CatalogUnavailable, match="the catalog is down"):
        apart(BATCH, "id")
    assert isinstance(apart(BATCH, "again"), Transformed)
    in_the_way = tmp_path / "lake" / "custom_events"
    for path in sorted(in_the_way.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    in_the_way.rmdir()
    in_the_way.write_text("a file where a folder belongs")
    with pytest.raises(StoreUnavailable, match="custom_events"):
        apart(BATCH, "a third time")
    in_the_way.unlink()
    assert isinstance(apart(BATCH, "at last"), Transformed)


def test_an_error_of_ours_is_a_failed_attempt_and_is_logged_here(
    apart: ApartTransform, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    heard.faults.append(ValueError("what is this"))
    with caplog.at_level(logging.WARNING):
        failed = apart(BATCH, "id")
    assert failed == Failure("Lambda.FunctionError", "RuntimeError: ValueError: what is this")
    noted, raised = caplog.messages
    assert noted == "an object was not taken note of"
    assert raised.startswith("the transform raised\nTraceback")
    assert isinstance(apart(BATCH, "again"), Transformed)


def test_what_lies_in_the_current_folder_is_not_imported(
    tmp_path: Path, apart: ApartTransform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("events", "transform", "playlake"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(tmp_path)
    assert isinstance(apart(BATCH, "id"), Transformed)


@pytest.mark.parametrize(
    ("program", "said"), [("/no/such/python", "cannot begin"), ("/bin/false", "ended with 1")]
)
def test_a_process_that_does_not_begin_is_infrastructure(
    apart: ApartTransform, monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(Unavailable, match=said):
        apart(BATCH, "id")
    monkeypatch.undo()
    assert isinstance(apart(BATCH, "again"), Transformed)


def test_without_a_socket_to_spare_it_begins_another_time(
    apart: ApartTransform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", fail)
    with pytest.raises(Unavailable, match=r"cannot begin: .*Too many open files"):
        apart(BATCH, "id")
    monkeypatch.undo()
    assert isinstance(apart(BATCH, "again"), Transformed)


def posted(dev: Dev, *names: str) -> None:
    for name in names:
        assert dev.post(LAB_PLAY | {"event_id": name}).status_code == 200


def its_child(dev: Dev) -> int:
    """The process id, once there is one: it begins with the first batch."""
    found: list[int] = []

    def look() -> None:
        found[:] = children(dev.process.pid)
        assert found

    eventually(look, 20)
    return found[0]


def test_a_server_goes_on_when_the_process_dies(tmp_path: Path) -> None:
    with running_dev(tmp_path) as dev:
        posted(dev, "a")
        first = its_child(dev)
        os.kill(first, signal.SIGKILL)
        posted(dev, "b", "c")
        dev.stop()
        assert dev.process.returncode == 0
    assert rows_by_id(DataFolder(tmp_path)) == {"a": 1, "b": 1, "c": 1}


def test_ctrl_c_at_a_terminal_reaches_the_server_alone(tmp_path: Path) -> None:
    with running_dev(tmp_path, session=True) as dev:
        posted(dev, "a")
        child = its_child(dev)
        os.killpg(dev.process.pid, signal.SIGINT)
        assert dev.process.wait(30) == 0
        eventually(gone(child))
    assert rows_by_id(DataFolder(tmp_path)) == {"a": 1}


def test_the_process_ends_without_a_word_when_its_server_was_killed_within_a_message(
    tmp_path: Path,
) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "playlake.local.transforming",
                str(theirs.fileno()),
                str(tmp_path),
            ],
            pass_fds=[theirs.fileno()],
            stderr=subprocess.PIPE,
        )
    length_of_a_message = (1_000).to_bytes(4, "big")  # as multiprocessing.connection sends it
    with ours:
        assert ours.recv(1)  # it is ready
        ours.sendall(length_of_a_message + b"half of it")
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, b"")


def test_the_process_ends_when_its_server_is_killed(tmp_path: Path) -> None:
    with running_dev(tmp_path) as dev:
        posted(dev, "a")
        child = its_child(dev)
        dev.kill()
        eventually(gone(child), 10)
