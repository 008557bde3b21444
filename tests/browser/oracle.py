"""What was really shown, reckoned from the frames that the browser reports, and nothing else."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

FRAME = 1 / 30  # s, of the sample clips
BREAK = 0.5  # s: frames further apart, on either clock, are no continuous showing
STANDS = 0.2  # s: a frame shown for so long stands still; at half speed one takes a third of it

Span = tuple[float, float]


@dataclass(slots=True)
class Run:
    """Frames of one clip, shown one after the other: media time and epoch time in seconds."""

    media: Span
    wall: Span
    standing: float = 0.0
    """Seconds of `wall` in which the picture stood still, as on a busy machine."""

    @property
    def content(self) -> float:
        """The last frame was shown too, for as long as a frame is."""
        return self.media[1] - self.media[0] + FRAME

    @property
    def seconds(self) -> float:
        return self.wall[1] - self.wall[0]


@dataclass(slots=True)
class Oracle:
    """Takes frames as they are shown."""

    frames: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    told: set[str] = field(default_factory=set)

    def hear(self, kind: str, *words: object) -> None:
        """One line of the page: `event`, id or `frame`, clip, media s, epoch ms."""
        if kind == "event":
            self.told.add(str(words[0]))
        else:
            clip, media, wall = words
            self.frames[str(clip)].append((float(str(media)), float(str(wall)) / 1000))

    def runs(self) -> dict[str, list[Run]]:
        """By clip, the stretches of more than one frame: a single one is a picture, not playing."""
        return {clip: list(_runs(frames)) for clip, frames in self.frames.items()}


def covered(spans: Iterable[Span]) -> float:
    """How much a set of spans covers, counting what overlaps once."""
    total, end = 0.0, 0.0
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(end, start))
        end = max(end, stop)
    return total


def _runs(frames: Sequence[Span]) -> Iterable[Run]:
    run: Run | None = None
    for before, (media, wall) in pairwise(frames):
        if 0 < media - before[0] < BREAK and wall - before[1] < BREAK:
            run = run or Run((before[0], media), (before[1], wall))
            run.media, run.wall = (run.media[0], media), (run.wall[0], wall)
            run.standing += wall - before[1] if wall - before[1] >= STANDS else 0.0
        elif run:
            yield run
            run = None
    if run:
        yield run
