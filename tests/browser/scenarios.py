"""The viewings of the truth suite: each acts on a stage and yields how many seconds then pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from playwright.sync_api import Route

from tests.browser.stage import Stage

Viewing = Callable[[Stage], Iterator[float]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`killable` needs a browser of its own, whose profile a second visit opens again."""

    name: str
    view: Viewing
    clips: str = "tide"
    killable: bool = False
    storage: bool = True


def plain(stage: Stage) -> Iterator[float]:
    stage.do("video.play()")
    yield 3
    stage.do("video.pause()")


def pause_and_resume(stage: Stage) -> Iterator[float]:
    for _ in range(2):
        stage.do("video.play()")
        yield 1.5
        stage.do("video.pause()")
        yield 1


def seek_forward_and_back(stage: Stage) -> Iterator[float]:
    stage.do("video.play()")
    yield 1.5
    stage.do("video.currentTime = 20")
    yield 1.5
    stage.do("video.currentTime = 10")
    yield 1.5
    stage.do("video.pause()")


def scrub(stage: Stage) -> Iterator[float]:
    """As a thumb is dragged: a pause that has moved already, positions, and on."""
    stage.do("video.play()")
    yield 1.5
    stage.do("(video.pause(), video.currentTime = 5)")
    for position in (9, 14, 19, 24):
        yield 0.15
        stage.do(f"video.currentTime = {position}")
    yield 0.3
    stage.do("video.play()")
    yield 1.5
    stage.do("video.pause()")


def stall(stage: Stage) -> Iterator[float]:
    stage.network(14_000)
    stage.do("(video.src = 'videos/tide.mp4?slow', video.play())")
    yield 9
    stage.network(-1)
    yield 4
    stage.do("video.pause()")


def at_rate(rate: float) -> Viewing:
    def view(stage: Stage) -> Iterator[float]:
        stage.do("video.play()")
        yield 1
        stage.do(f"video.playbackRate = {rate}")
        yield 3
        stage.do("video.pause()")

    return view


def loop(stage: Stage) -> Iterator[float]:
    stage.do("(video.loop = true, video.currentTime = 13)")
    yield 0.5
    stage.do("video.play()")
    yield 4
    stage.do("video.pause()")


def replay(stage: Stage) -> Iterator[float]:
    stage.do("video.currentTime = 13.5")
    yield 0.5
    stage.do("video.play()")
    yield 2.5
    stage.do("video.play()")
    yield 1.5
    stage.do("video.pause()")


def two_videos(stage: Stage) -> Iterator[float]:
    stage.do("videos[0].play()")
    yield 1
    stage.do("videos[1].play()")
    yield 1.5
    stage.do("videos[0].pause()")
    yield 1
    stage.do("videos[1].pause()")


def source_change(stage: Stage) -> Iterator[float]:
    stage.do("video.play()")
    yield 1.5
    stage.do(
        "(tracker.update({ videoId: 'colony' }), video.src = 'videos/colony.mp4', video.play())"
    )
    yield 2
    stage.do("video.pause()")


def asleep(stage: Stage) -> Iterator[float]:
    """No test puts its computer to sleep: its wall clock jumps, the media clock does not."""
    stage.do("video.play()")
    yield 1.5
    stage.do("(now => { Date.now = () => now() + 3600e3 })(Date.now)")
    yield 1.5
    stage.do("video.pause()")


def navigated_away(stage: Stage) -> Iterator[float]:
    stage.do("video.play()")
    yield 2
    stage.page.goto("about:blank")


def tab_closed(stage: Stage) -> Iterator[float]:
    stage.do("video.play()")
    yield 2
    stage.page.close(run_before_unload=False)


def killed(stage: Stage) -> Iterator[float]:
    stage.do("video.play()")
    yield 3
    stage.kill()
    stage.visit_again()
    yield 3


def offline(stage: Stage) -> Iterator[float]:
    stage.do("video.play()")
    yield 1
    stage.context.set_offline(True)
    yield 1
    stage.do("video.pause()")
    yield 14
    stage.context.set_offline(False)
    yield 1


def failing(stage: Stage) -> Iterator[float]:
    stage.page.route("**/events", lambda route: route.fulfill(status=500, json={"error": {}}))
    stage.do("video.play()")
    yield 2
    stage.do("video.pause()")
    yield 3
    stage.page.unroute("**/events")
    yield 5


def lost_answer(stage: Stage) -> Iterator[float]:
    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    stage.page.route("**/events", lose)
    stage.do("video.play()")
    yield 2
    stage.do("video.pause()")
    yield 2
    stage.page.unroute("**/events")
    yield 4


SCENARIOS = (
    Scenario("plain play", plain),
    Scenario("pause and resume", pause_and_resume),
    Scenario("seek forward and back", seek_forward_and_back),
    Scenario("scrub", scrub),
    Scenario("stall by a slow network", stall, clips="dawn"),
    Scenario("half speed", at_rate(0.5)),
    Scenario("double speed", at_rate(2)),
    Scenario("loop", loop, clips="dawn"),
    Scenario("replay", replay, clips="dawn"),
    Scenario("two videos at once", two_videos, clips="tide,colony"),
    Scenario("source change", source_change),
    Scenario("clock jumps an hour", asleep),
    Scenario("navigation away", navigated_away),
    Scenario("tab closed", tab_closed),
    Scenario("browser killed, new visit", killed, killable=True),
    Scenario("offline 15 s", offline),
    Scenario("server answers 500, then 200", failing),
    Scenario("answer lost", lost_answer),
    Scenario("storage disabled", plain, storage=False),
)
