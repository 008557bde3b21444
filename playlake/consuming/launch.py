"""Becomes the given command, which ends when whoever started it does.

    python -m playlake.consuming.launch COMMAND ...

A supervisor that is killed cannot stop its daemons. Linux then sends them SIGTERM, on which they
end as if they were asked to; elsewhere they go on without one, and are safe beside others.
Source: prctl(2), PR_SET_PDEATHSIG. It outlives exec, unlike what `subprocess` could register.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Replace this process."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(1)  # it died before it was asked for
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 (what the supervisor asks for)


if __name__ == "__main__":
    main()
