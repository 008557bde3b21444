"""What becomes of the tracker's events when the collector, the browser or the page fail them."""

import itertools
from collections import Counter, deque
from collections.abc import Sequence

import pytest

from playlake.viewing import CHROMIUM_OPTIONS, browser_path
from tests.browser import tracked
from tests.browser.tracked import Event, fail, made, refusal, retry, visit, watch

QUEUE = 1000  # events that wait, at most: docs/tracker.md

# Long waits are over in a blink; `waits` has how long they were to be. Storage is given 1,000 ms to
# answer, exactly, which no wait between two attempts is: it is less by chance.
HURRY = """
const real = setTimeout;
window.waits = [];
window.setTimeout = (act, time) => {
  if (time > 450 && time !== 1000) waits.push(time);
  return real(act, Math.min(time, 30));
};
"""
NO_LOCKS = "delete Navigator.prototype.locks"
LATER = "(now => { Date.now = () => now() + 11_000 })(Date.now)"


@pytest.fixture
def settled(house, eventually):
    """Waits until all of these ids were accepted, and nothing else is on its way."""

    def wait(ids):
        eventually(lambda: set(ids) <= {event["event_id"] for event in house.accepted()})

    return wait


def test_a_thousand_events_wait_and_the_oldest_go_counted(context, house, eventually, settled):
    house.refuse_all()
    page = visit(context, house)
    ids = fail(page, QUEUE + 10)
    assert made(page, "dropped") == ids[:10]
    eventually(lambda: len(house.posts))
    house.accept_all()
    retry(page)
    settled(ids[10:])
    [*_, last] = fail(page)
    settled([last])
    lake = house.lake()
    assert set(lake) == set(ids[10:]) | {last}
    assert lake[last] == {"dropped": 10}


def test_what_a_visit_left_and_this_one_made_are_bounded_together(
    context, house, eventually, settled
):
    """What was left is older, though it is taken up later: it goes first."""
    house.refuse_all()
    page = visit(context, house)
    left = fail(page, QUEUE)
    eventually(lambda: house.posts)  # what is sent is stored
    page.close()
    page = visit(context, house)
    own = fail(page, 5)
    house.accept_all()
    retry(page)
    settled(own)
    eventually(lambda: len({event["event_id"] for event in house.accepted()}) == QUEUE)
    lost = set(left) - set(house.lake())
    assert len(lost) == 5
    assert lost <= set(left[:50])  # those of one millisecond are of one age


def test_each_tab_sends_what_it_made_and_a_new_one_what_a_closed_one_left(
    context, house, eventually, settled
):
    house.refuse_all()
    first, second = visit(context, house, "first"), visit(context, house, "second")
    for tab in (first, second):
        tab.evaluate("() => video.play()")
    first.wait_for_timeout(700)
    for tab in (first, second):
        tab.evaluate("() => video.pause()")
    ids = {tab: [*made(tab), *fail(tab, 2)] for tab in (first, second)}
    eventually(lambda: {post.sender for post in house.posts} == {"tracked?first", "tracked?second"})
    first.close()
    house.accept_all()
    retry(second)
    settled(ids[second])
    third = visit(context, house, "third")
    third.evaluate("() => video.play()")
    settled(ids[first])
    senders = {
        event_id: post.sender for post in house.posts if post.status == 200 for event_id in post.ids
    }
    assert {senders[event_id] for event_id in ids[second]} == {"tracked?second"}
    assert {senders[event_id] for event_id in ids[first]} <= {"tracked?third", "tracked?first"}
    third.evaluate("() => video.pause()")
    settled(made(third))
    assert set(house.lake()) == {*ids[first], *ids[second], *made(third)}


def test_two_tabs_that_send_at_once_send_nothing_twice(context, house, settled):
    tabs = [visit(context, house, name) for name in ("first", "second")]
    for _ in range(3):
        for tab in tabs:
            fail(tab, 20)
    ids = [event_id for tab in tabs for event_id in made(tab)]
    settled(ids)
    assert Counter(event["event_id"] for event in house.accepted()) == Counter(ids)
    assert set(house.lake()) == set(ids)


def _sent_by(house, sender: str) -> set[str]:
    return {i for post in house.posts if post.sender == f"tracked?{sender}" for i in post.ids}


def test_a_living_tab_keeps_its_events_however_old_they_are(context, house, settled):
    house.refuse_all()
    ids = fail(visit(context, house, "first"), 3)
    context.add_init_script(LATER)
    house.accept_all()
    second = visit(context, house, "second")
    settled(fail(second))
    assert _sent_by(house, "second").isdisjoint(ids)


def test_without_web_locks_only_events_ten_seconds_old_are_adopted(context, house, settled):
    context.add_init_script(NO_LOCKS)
    house.refuse_all()
    first = visit(context, house, "first")
    assert first.evaluate("navigator.locks") is None
    ids = fail(first, 3)
    first.wait_for_timeout(600)
    first.close()
    house.accept_all()
    settled(fail(visit(context, house, "soon")))
    assert _sent_by(house, "soon").isdisjoint(ids)
    context.add_init_script(LATER)
    settled([*ids, *fail(visit(context, house, "later"))])
    assert set(ids) <= _sent_by(house, "later")
    assert set(ids) <= set(house.lake())


@pytest.mark.alone  # a browser that gets no processor stalls, and rightly says so
def test_a_page_goes_on_when_it_comes_back_from_the_bfcache(playwright, house, settled):
    """Playwright turns the cache off, and waits for a `load` that does not come a second time."""
    chromium = playwright.chromium.launch(
        executable_path=browser_path(),
        args=list(CHROMIUM_OPTIONS),
        ignore_default_args=["--disable-back-forward-cache"],
    )
    page = visit(chromium.new_context(), house)
    page.evaluate("addEventListener('pageshow', ({ persisted }) => (window.came = persisted))")
    page.evaluate("() => video.play()")
    page.wait_for_timeout(600)
    page.goto(f"{house.url}/elsewhere")
    page.go_back(wait_until="commit")
    page.wait_for_function("window.came === true")
    page.evaluate("() => video.play()")
    page.wait_for_timeout(600)
    page.evaluate("() => video.pause()")
    ids = made(page)
    settled(ids)
    chromium.close()
    assert set(house.lake()) == set(ids)
    played = {e["seq"]: e for e in house.accepted() if e["type"] == "video_play"}
    before, after = played[0], played[1]
    assert before["end_reason"] == "unload"
    assert played[max(played)]["end_reason"] == "pause"
    assert 0 <= after["started_at"] - before["ended_at"] < 100


def test_a_page_that_comes_back_shows_once_that_it_lives(context, house):
    """With two trackers: what waits for a lock that the page holds itself is never let go."""
    page = visit(context, house)
    page.evaluate(tracked.START, {})
    fail(page)
    for name in ("pagehide", "pageshow"):
        page.evaluate(
            "name => dispatchEvent(new PageTransitionEvent(name, { persisted: true }))", name
        )
    page.wait_for_function(
        "async () => { const { held, pending } = await navigator.locks.query();"
        " return held.length === 1 && pending.length === 0; }"
    )


def test_what_may_pass_is_tried_again(context, house, eventually, settled):
    page = visit(context, house)
    for attempt, status in enumerate((408, 429, 500, 502, 503, 504), 1):
        house.refuse_all(status)
        ids = fail(page) if attempt == 1 else made(page)
        retry(page)
        eventually(lambda kept=attempt: len(made(page, "kept")) >= kept)
    house.accept_all()
    retry(page)
    settled(ids)
    # Chromium itself repeats a request of a reused connection that is answered with 408.
    statuses = [status for status, _ in itertools.groupby(post.status for post in house.posts)]
    assert statuses == [408, 429, 500, 502, 503, 504, 200]
    assert set(house.lake()) == set(ids)


def test_attempts_come_apart_up_to_a_minute_less_by_chance(context, house, eventually):
    context.add_init_script(HURRY)
    house.refuse_all()
    page = visit(context, house)
    fail(page)
    waits = eventually(lambda: (found := page.evaluate("waits"))[8:] and found)
    most = [min(1000 * 2**n, 60_000) for n in range(len(waits))]
    shares = [wait / limit for wait, limit in zip(waits, most, strict=True)]
    assert all(0.5 <= share <= 1 for share in shares)
    assert max(shares) - min(shares) > 0.05  # one in a million runs at chance has less


def test_retry_after_is_respected_and_ends_with_it(context, house, eventually, settled):
    context.add_init_script(HURRY)
    answers = deque([refusal(429, {"retry-after": "7"}), refusal(503, {"retry-after": "90"})])
    house.answer(lambda _events: answers.popleft() if answers else None)
    page = visit(context, house)
    settled(fail(page))
    assert page.evaluate("waits") == [7000, 90_000]


def test_one_poison_event_takes_no_neighbour_along(context, house, settled):
    """Three among forty, each refused in its own way and once alone."""

    def answer(events: Sequence[Event]):
        statuses = [event["poison"] for event in events if "poison" in event]
        return refusal(statuses[0]) if statuses else None

    house.answer(answer)
    page = visit(context, house)
    page.evaluate(
        """() => {
          for (let n = 0; n < 40; n++) {
            const poison = { 7: 400, 8: 413, 31: 415 }[n];
            tracker.update({ fields: poison ? { poison } : {} });
            fail();
          }
        }"""
    )
    ids = made(page)
    poison = [ids[7], ids[8], ids[31]]
    settled(set(ids) - set(poison))
    page.wait_for_function("states.filter(([, state]) => state === 'refused').length === 3")
    assert made(page, "refused") == poison
    alone = [post.ids[0] for post in house.posts if len(post.ids) == 1 and post.status != 200]
    assert alone == poison
    assert len(house.posts) < 35  # the others did not go one by one
    page.evaluate("() => tracker.update({ fields: {} })")
    [*_, last] = fail(page)
    settled([last])
    lake = house.lake()
    assert set(lake) == set(ids) - set(poison) | {last}
    assert lake[last] == {"dropped": 3}


def test_a_refusal_is_final_on_the_next_visit_too(context, house, eventually, settled):
    house.refuse_all(400)
    page = visit(context, house)
    ids = fail(page, 2)
    eventually(lambda: len(made(page, "refused")) == 2)
    page.close()
    house.accept_all()
    settled(fail(visit(context, house, "next")))
    assert _sent_by(house, "next").isdisjoint(ids)


def test_an_event_too_large_for_keepalive_is_delivered_with_its_neighbours(context, house, settled):
    """Browsers keep 64 KiB of requests alive, and refuse what is more like a broken network."""
    page = visit(context, house)
    page.evaluate("() => { tracker.update({ fields: { text: '가'.repeat(30_000) } }); fail() }")
    page.evaluate("() => tracker.update({ fields: {} })")
    ids = fail(page)
    settled(ids)
    assert set(house.lake()) == set(ids)


def test_heartbeats_come_every_ten_seconds_of_playing(context, house, eventually):
    """In a page whose clocks and video run six times as fast as ours."""
    context.add_init_script(
        """for (const clock of [Date, performance]) {
          const now = clock.now.bind(clock), start = now();
          clock.now = () => start + (now() - start) * 6;
        }"""
    )
    page = visit(context, house)
    page.evaluate("() => { video.loop = true; video.playbackRate = 6; }")
    page.evaluate("() => Object.defineProperty(video, 'playbackRate', { value: 1 })")
    watch(page, 21.5 / 6)
    beats = eventually(lambda: (found := house.named("heartbeat"))[1:] and found)
    [first_frame] = house.named("first_frame")
    times = [event["logged_at"] for event in (first_frame, *beats)]
    assert all(abs(later - time - 10_000) < 1500 for time, later in itertools.pairwise(times))
    page.wait_for_timeout(1000 * 12 / 6)
    assert len(house.named("heartbeat")) == 2
