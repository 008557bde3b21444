"""Work that goes on in threads while something else is done."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(work: Callable[[threading.Event], None], threads: int = 1) -> Iterator[None]:
    """So many threads do the work meanwhile; it ends itself once the event that it has is set."""
    stop = threading.Event()
    running = [threading.Thread(target=work, args=(stop,)) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join()
