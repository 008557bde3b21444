"""A sweep of everything in a store that no catalog looks at."""

from typing import Any

from transform.store import Store
from transform.sweep import PlainSwap, Sweep, Swept


def sweep(store: Store, **options: Any) -> Swept:
    """`options` are those of `transform.sweep.Sweep`."""
    return Sweep(store, PlainSwap(store), **options).run()
