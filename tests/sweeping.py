"""A sweep of everything in a store that no catalog looks at."""

from typing import Any

from transform.mending.sweep import PlainSwap, Sweep, Swept
from transform.store import Store


def sweep(store: Store, **options: Any) -> Swept:
    """`options` are those of `transform.mending.sweep.Sweep`."""
    return Sweep(store, PlainSwap(store), **options).run()
