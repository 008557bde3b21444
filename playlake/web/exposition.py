"""Numbers as Prometheus reads them: its text format, version 0.0.4.

Source: prometheus.io/docs/instrumenting/exposition_formats. Nothing here knows what is counted.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    """One line. `suffix` is what a histogram's parts add to the name."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name, what it means and its samples. `kind` is counter, gauge or histogram."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


def gauge(name: str, help_text: str, value: float) -> Family:
    """A number that goes up and down, as it is now."""
    return Family(name, "gauge", help_text, (Sample(value),))


class Counter:
    """Counts upwards from the start of the process, by the values of one label or without any.

    The values known beforehand are there with 0: the first of a kind is then an increase.
    """

    def __init__(
        self, name: str, help_text: str, label: str = "", values: Iterable[str] = ()
    ) -> None:
        self._name, self._help, self._label = name, help_text, label
        self._counts: dict[str, int] = dict.fromkeys(values if label else [""], 0)
        self._lock = threading.Lock()

    def add(self, count: int, value: str = "") -> None:
        """Count so many more under that value of the label."""
        with self._lock:
            self._counts[value] = self._counts.get(value, 0) + count

    def family(self) -> Family:
        """As it is now."""
        with self._lock:
            counts = sorted(self._counts.items())
        samples = (Sample(n, {self._label: value} if self._label else {}) for value, n in counts)
        return Family(self._name, "counter", self._help, tuple(samples))


class Histogram:
    """How many observations were up to each bound, how many there were, and their sum."""

    def __init__(self, name: str, help_text: str, bounds: Sequence[float]) -> None:
        self._name, self._help, self._bounds = name, help_text, tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        self._lock = threading.Lock()

    def observe(self, value: float) -> None:
        """Count one more."""
        with self._lock:
            self._counts[bisect_left(self._bounds, value)] += 1
            self._sum += value

    def family(self) -> Family:
        """As it is now."""
        with self._lock:
            counts, total = tuple(self._counts), self._sum
        samples: list[Sample] = []
        seen = 0
        for bound, count in zip((*self._bounds, float("inf")), counts, strict=True):
            seen += count
            samples.append(Sample(seen, {"le": _number(bound)}, "_bucket"))
        samples += [Sample(total, suffix="_sum"), Sample(seen, suffix="_count")]
        return Family(self._name, "histogram", self._help, tuple(samples))


def exposed(families: Iterable[Family]) -> str:
    """The text of these families."""
    return "".join(f"{line}\n" for family in families for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {_escaped(family.help)}"
    yield f"# TYPE {family.name} {family.kind}"
    for sample in family.samples:
        yield f"{family.name}{sample.suffix}{_labels(sample.labels)} {_number(sample.value)}"


def _labels(labels: Mapping[str, str]) -> str:
    quote = '\\"'
    listed = (f'{name}="{_escaped(text).replace(chr(34), quote)}"' for name, text in labels.items())
    return f"{{{','.join(listed)}}}" if labels else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    return "+Inf" if value == float("inf") else repr(value)
