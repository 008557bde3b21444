"""How the tracker behaves towards the page, the browser and the visitor that it is a guest of."""

import re
from pathlib import Path

import pytest

from tests.browser.tracked import fail, made, visit, watch

DOCUMENT = Path(__file__).parents[2] / "docs" / "tracker.md"

REFUSING = "() => { throw new DOMException('no', 'SecurityError') }"
LOCKS = "const locks = window.LockManager?.prototype ?? {}; locks.request = locks.query ="
DELIVERABLE = {
    "indexedDB.open throws": f"indexedDB.open = {REFUSING}",
    "indexedDB never answers": "indexedDB.open = () => ({})",
    "no indexedDB": "Object.defineProperty(window, 'indexedDB', { value: undefined })",
    "localStorage throws": f"Object.defineProperty(window, 'localStorage', {{ get: {REFUSING} }})",
    "no randomUUID": "delete Crypto.prototype.randomUUID",
    "locks throw": f"{LOCKS} {REFUSING}",
    "locks are refused": f"{LOCKS} () => Promise.reject(new DOMException('no', 'SecurityError'))",
    "sendBeacon is false": "Navigator.prototype.sendBeacon = () => false",
    "sendBeacon throws": f"Navigator.prototype.sendBeacon = {REFUSING}",
    "no AbortSignal.timeout": "delete AbortSignal.timeout",
}
UNDELIVERABLE = {
    "no getRandomValues": "delete Crypto.prototype.getRandomValues",
    "fetch throws": f"window.fetch = {REFUSING}",
    "fetch gives nothing": "window.fetch = () => undefined",
}
EVERYTHING = "".join(f"{{{code}}}" for code in (DELIVERABLE | UNDELIVERABLE).values())
# What the query names is done to the page before anything else runs in it.
HOSTILE = "".join(
    f"if (decodeURI(location.search) === '?{name}') {{ {code} }}\n"
    for name, code in (DELIVERABLE | UNDELIVERABLE | {"everything": EVERYTHING}).items()
)
GONE_AND_BACK = """() => {
  for (const name of ["pagehide", "pageshow"])
    dispatchEvent(new PageTransitionEvent(name, { persisted: true }));
}"""


@pytest.fixture
def visited(context, house):
    """Visits the tracked page with some options; the test fails if anything is thrown into it."""
    faults = []
    context.on("weberror", lambda fault: faults.append(str(fault.error)))

    def visited(name="page", **options):
        return visit(context, house, name, **options)

    yield visited
    if context.pages:
        context.pages[0].wait_for_timeout(50)  # faults are told while Playwright waits
    assert faults == []


def played(page):
    watch(page, 0.4)
    return page.evaluate("video.currentTime")


def _playing(visited, names):
    """A page for each name, whose visitor has that name too; the video of each plays a while."""
    pages = {}
    for name in names:
        pages[name] = visited(name, viewerId=name)
        pages[name].evaluate("() => video.play()")
    pages[name].wait_for_timeout(500)
    for page in pages.values():
        page.evaluate("() => video.pause()")
        assert page.evaluate("video.currentTime") > 0.2
    return pages


def _measured(house):
    return {event["viewer_id"] for event in house.accepted() if event["type"] == "video_play"}


def test_whatever_is_refused_the_video_plays_and_is_measured(context, visited, house, eventually):
    context.add_init_script(HOSTILE)
    pages = _playing(visited, DELIVERABLE)
    eventually(lambda: _measured(house) == set(DELIVERABLE))
    for page in pages.values():
        page.evaluate(GONE_AND_BACK)
    ids = {name: fail(page)[-1] for name, page in pages.items()}
    eventually(lambda: {event["event_id"] for event in house.accepted()} >= set(ids.values()))


def test_nothing_is_thrown_where_nothing_can_be_delivered(context, visited, house):
    context.add_init_script(HOSTILE)
    pages = _playing(visited, [*UNDELIVERABLE, "everything"])
    for page in pages.values():
        page.evaluate("() => { tracker.update({ videoId: 'other' }); fail(); tracker.pause() }")
        page.evaluate("() => { tracker.resume(); tracker.current() }")
        page.evaluate(GONE_AND_BACK)
        page.evaluate("() => tracker.stop()")
    assert _measured(house) <= {"fetch throws", "fetch gives nothing"}  # by beacon, then


def test_the_page_is_not_told_of_faults_in_what_it_gave(visited, house, eventually):
    page = visited(viewerId="v")
    page.evaluate(
        """async () => {
          const { track } = await import("/tracker.js");
          const thrower = () => { throw new Error("the page's own"); };
          track(null, {}).pause();
          track(video).stop();
          track(video, { videoId: 1n, viewerId: "w", endpoint: "http://[" }).stop();
          tracker.update({ onEvent: thrower });
          fail();
          tracker.update({ onEvent: "no function" });
          fail();
        }"""
    )
    eventually(lambda: len(house.named("error")) == 2)


def test_fields_that_json_cannot_hold_are_left_out_and_the_event_is_sent(
    visited, house, eventually
):
    fields = ("{ big: 1n }", "window", "{ get no() { throw 1 } }", "7", "null", "{ kept: true }")
    page = visited(viewerId="v")
    for given in fields:
        page.evaluate(f"() => {{ tracker.update({{ fields: {given} }}); fail() }}")
    ids = made(page)
    eventually(lambda: len(house.accepted()) == len(fields))
    lake = house.lake()
    assert [lake[event_id] for event_id in ids] == [{}, {}, {}, {}, {}, {"kept": True}]


def test_the_sites_fields_are_in_every_event_and_change_nothing_of_it(visited, house, eventually):
    page = visited(fields={"course": "c-1", "tags": ["a", 1], "video_id": "x", "type": "y"})
    played(page)
    eventually(lambda: len(house.accepted()) >= 3)
    assert {event["video_id"] for event in house.accepted()} == {"dawn"}
    assert {event["type"] for event in house.accepted()} == {"video_play", "video_player"}
    assert all(row == {"course": "c-1", "tags": ["a", 1]} for row in house.lake().values())


def test_a_number_for_a_video_id_is_sent_as_text(visited, house, eventually):
    fail(visited(videoId=42))
    eventually(house.accepted)
    assert house.accepted()[0]["video_id"] == "42"
    assert len(house.lake()) == 1


def _viewers(house):
    return list(dict.fromkeys(event["viewer_id"] for event in house.accepted()))


def test_an_anonymous_visitor_is_known_as_long_as_was_asked(context, visited, house, eventually):
    for scope, viewers in (("page", 1), ("page", 2), ("browser", 3), ("browser", 3)):
        page = visited(anonymous=scope, viewerId=None)
        before = len(house.accepted())
        fail(page)
        eventually(lambda before=before: len(house.accepted()) > before)
        assert len(_viewers(house)) == viewers
    assert page.evaluate("Object.values(localStorage)") == [_viewers(house)[-1]]
    assert context.cookies() == []


def test_a_page_that_asks_for_no_anonymous_id_stores_none(visited, house, eventually):
    fail(visited(viewerId="v"))
    eventually(house.accepted)
    fail(visited(anonymous="page", viewerId=None))
    eventually(lambda: len(house.accepted()) == 2)
    assert visited(viewerId="v").evaluate("localStorage.length") == 0


def test_before_consent_nothing_is_stored_or_sent(context, visited, house, eventually):
    page = visited(paused=True, anonymous="browser", viewerId=None)
    played(page)
    page.evaluate("() => { fail(); tracker.update({ videoId: 'next' }); fail() }")
    page.evaluate("() => { dispatchEvent(new PageTransitionEvent('pagehide')) }")
    assert page.evaluate("indexedDB.databases()") == []
    assert page.evaluate("localStorage.length") == 0
    assert page.evaluate("async () => (await navigator.locks.query()).held") == []
    assert made(page) == house.posts == context.cookies() == []
    page.evaluate("() => { tracker.resume(); fail() }")
    [event] = eventually(house.accepted)
    assert event["video_id"] == "next"
    assert page.evaluate("localStorage['playlake-viewer']") == event["viewer_id"]


def test_after_consent_is_withdrawn_only_what_was_measured_is_sent(visited, house, eventually):
    page = visited()
    page.evaluate("() => video.play()")
    page.wait_for_timeout(400)
    page.evaluate("() => tracker.pause()")
    ids = made(page)
    page.wait_for_timeout(400)
    page.evaluate("() => { fail(); video.currentTime = 3; video.pause() }")
    eventually(lambda: len(house.accepted()) == len(ids))
    page.goto(f"{house.url}/elsewhere")
    page.wait_for_timeout(100)
    assert [event["event_id"] for event in house.accepted()] == ids
    assert house.accepted()[-1]["end_reason"] == "untracked"


def test_do_not_track_is_respected_as_documented(context, visited, house, eventually):
    """By the document's own lines: its button is the visitor's word against the browser's."""
    [lines] = re.findall(r"```js\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    begin = f"""async () => {{
      const {{ track }} = await import("/tracker.js");
      const [videoId, userId, endpoint] = ["dawn", 7, "/events"];
      window.consentButton = document.createElement("button");
      {lines}
      fail();
    }}"""
    visited(paused=True).evaluate(begin)
    assert len(eventually(house.accepted)) == 1
    context.add_init_script("Object.defineProperty(navigator, 'doNotTrack', { value: '1' })")
    page = visited(paused=True)
    page.evaluate(begin)
    page.wait_for_timeout(500)  # longer than an event waits for others
    assert len(house.accepted()) == 1
    page.evaluate("() => { consentButton.click(); fail() }")
    eventually(lambda: len(house.accepted()) == 2)
