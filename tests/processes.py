"""What the kernel says of processes. Linux only, as everything that asks it is."""

from pathlib import Path


def runs(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return not stat.rpartition(")")[2].split()[0].startswith("Z")


def children(pid: int) -> list[int]:
    """Those that it began and that have not ended."""
    try:
        listed = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for each in listed for child in each.split() if runs(int(child))]
