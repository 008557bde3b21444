"""The traffic of a scenario, one request after the other, and the truth about all of it."""

from collections.abc import Iterator
from random import Random

from .audience import Audience, Viewer
from .delivery import Delivery, Sender
from .scenario import Scenario, SimulatedRequest
from .truth import Truth
from .visits import Visits

_REFERERS = ("https://video.example/", "https://video.example/library", None)


class Simulation:
    """Plays a scenario. It streams: memory grows with viewers and days, not with events."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._truth: Truth | None = None

    def requests(self) -> Iterator[SimulatedRequest]:
        """Every request in the order of `sent_at`; each call plays the same from the start."""
        run = _Run(self._scenario)
        yield from run.requests()
        self._truth = run.truth

    def truth(self) -> Truth:
        """What the requests come to. Raises RuntimeError until they are all taken."""
        if self._truth is None:
            raise RuntimeError("the truth is known once requests() is exhausted; take them all")
        return self._truth


class _Run:
    """One playing of a scenario, with a random generator and a truth of its own."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._rng = Random(scenario.seed)  # noqa: S311 - reproducible traffic, nothing secret
        self._audience = Audience(scenario, self._rng)
        self.truth = Truth()
        self._visits = Visits(scenario, self._rng, self._audience, self.truth)
        self._delivery = Delivery(scenario, self._rng, self.truth.totals())

    def requests(self) -> Iterator[SimulatedRequest]:
        for day in range(self._scenario.first_day, self._scenario.end_day):
            for begin, viewer in self._audience.visits(self._rng, day):
                # Nothing of this visit, or of a later one, is sent before it begins.
                yield from self._delivery.due(begin)
                self._visit(viewer, begin)
        yield from self._delivery.due(self._scenario.end_ms)

    def _visit(self, viewer: Viewer, begin: int) -> None:
        agent = viewer.pick_device(self._rng)
        events = list(self._visits.events(viewer, agent, begin))
        if viewer.lab:
            # The lab's player sends each event alone; its headers are in the object.
            self._delivery.take(events, Sender(None, None), most=1)
        else:
            sender = Sender(agent.user_agent, self._rng.choice(_REFERERS))
            self._delivery.take(events, sender)
