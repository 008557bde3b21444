"""The dashboard's pages, opened in a browser and looked at."""

import time
from pathlib import Path

import httpx
from playwright.sync_api import expect

AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text()
WCAG_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PANELS = ["trend", "videos", "mix", "retention", "concurrent", "startup", "viewers", "exits"]

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"
    " (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)


def dawn(viewer: str, ended_at: int) -> dict[str, object]:
    """A play of the page's own clip, from its beginning."""
    now = time.time_ns() // 1_000_000
    event = {
        "type": "video_play",
        "video_id": "dawn",
        "viewer_id": viewer,
        "play_id": f"p-{viewer}",
    }
    interval = {"started_at": 0, "ended_at": ended_at, "video_duration": 15_000, "seq": 0}
    return {**event, **interval, "logged_at": now, "user_agent": CHROME}


def opened(context, dev, path="dashboard/"):
    """The page, with everything on it asked for and shown, and no fault of its own."""
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(error.message))
    page.on("console", lambda line: page.faults.append(line.text))
    page.goto(f"{dev.url}/{path}")
    return page


def settled(page, panels=PANELS):
    for name in panels:
        page.locator(f"#{name}").scroll_into_view_if_needed()
        expect(page.locator(f"#{name}")).to_have_attribute("data-state", "shown")
    return page


def figures(page):
    """What each figure says."""
    return {
        each.get_attribute("data-figure"): each.locator("b").inner_text()
        for each in page.locator(".figure").all()
    }


def failing(page, *reports):
    """These reports get an error for an answer; gives what ends it."""

    def fail(route):
        error = {"code": "unavailable", "message": "Athena does not answer: try again."}
        route.fulfill(status=503, json={"error": error})

    for name in reports:
        page.route(f"**/reports/{name}*", fail)
    return lambda: [page.unroute(f"**/reports/{name}*", fail) for name in reports]


def axe(page):
    """What axe-core finds, each finding with the elements it is about."""
    page.evaluate(AXE)
    options = {"runOnly": {"type": "tag", "values": WCAG_AA}}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        (each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found["violations"]
    ]


def report(dev, name, **query):
    answer = httpx.get(f"{dev.url}/api/reports/{name}", params=query, timeout=30).json()
    names = [column["name"] for column in answer["columns"]]
    return [dict(zip(names, row, strict=True)) for row in answer["rows"]]
