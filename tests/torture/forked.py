"""Short lives, each forked from one process that has imported what they need, under the shim.

To begin Python and import everything takes twice as long as such a life, and there are thousands.
A life is asked for by a line of JSON on the process's input, and its end told by one on its output.
"""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

from tests.torture import short_run
from tests.torture.calls import begin_plan, library
from transform.devices import parse_device

_TOO_LONG_SECONDS = 60


def live(arguments: Sequence[str], plan: Mapping[str, str], out: Path, err: Path) -> int:
    """Live `short_run` with these arguments, subject to the plan, to its end.

    Returns the exit status, negative for a signal, as SIGALRM of what takes too long. Raises
    Lacking.
    """
    process = _begun()
    asked = {"arguments": arguments, "plan": plan, "out": str(out), "err": str(err)}
    _pipe(process.stdin).write(json.dumps(asked) + "\n")
    _pipe(process.stdin).flush()
    return int(_pipe(process.stdout).readline())


@functools.cache
def _begun() -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.torture.forked"],
        env=os.environ | {"LD_PRELOAD": str(library())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _serve() -> None:
    parse_device("Mozilla/5.0")  # its rules are compiled by the first who needs them
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _be(asked["arguments"], asked["plan"], asked["out"], asked["err"])
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _be(arguments: Sequence[str], plan: Mapping[str, str], out: str, err: str) -> NoReturn:
    code = 1
    try:
        for path, descriptor in ((os.devnull, 0), (out, 1), (err, 2)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
        signal.alarm(_TOO_LONG_SECONDS)
        begin_plan(plan)
        code = short_run.main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001 (as Python tells of any that a program leaves)
        traceback.print_exc()
    finally:
        # Without what the process that it is forked from would do at its end.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
