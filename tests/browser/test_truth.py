"""The tracker's numbers in the lake against an oracle, for every way of watching a video."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from catalog.drivers.duckdb_engine import DuckDBEngine
from playlake.local.folder import DataFolder
from playlake.local.pipeline import LocalPipeline
from playlake.viewing import browser_path
from playlake.web.server import create_app
from playlake.web.serving import serving_app
from tests.browser.hidden import watch_behind_another_tab
from tests.browser.oracle import Oracle
from tests.browser.scenarios import SCENARIOS, Scenario
from tests.browser.stage import Stage, address, own, shared
from tests.browser.table import table
from tests.browser.verdict import Verdict, verdicts
from tests.conftest import Tell
from tests.lacking import lacking

pytestmark = pytest.mark.alone

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "truth.md"
AT_ONCE = 3  # viewings; two cores show as many videos without dropping frames
TAIL = 1.5  # s in which what lingers is sent
HIDDEN = "tab hidden and shown"

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>truth</title>
<script type="module" src="truth.js"></script>
"""


def page(_request: Request) -> Response:
    return HTMLResponse(PAGE)


def script(_request: Request) -> Response:
    return Response((HERE / "truth.js").read_bytes(), media_type="text/javascript")


@dataclass(frozen=True, slots=True)
class House:
    """What every viewing needs."""

    playwright: Playwright
    browser: Browser
    path: str
    folder: Path
    url: str

    def stage(self, scenario: Scenario) -> Stage:
        where = address(self.url, scenario.name, scenario.clips)
        if not scenario.killable:
            return Stage(shared(self.browser), where, storage=scenario.storage)
        profile = self.folder / "profile"
        return Stage(own(self.playwright, self.path, profile), where, profile=profile)


ROUTES = (Route("/truth", page), Route("/truth.js", script))


@pytest.fixture(scope="module")
def judged(
    playwright: Playwright, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Verdict]:
    """Every viewing, through a pipeline into a lake, judged by name."""
    folder = tmp_path_factory.mktemp("truth")
    path = browser_path() or lacking("Chromium is not installed; the truth suite plays in it.")
    with LocalPipeline(DataFolder(folder / "data")) as pipeline:
        app = create_app(pipeline.collector, pipeline.spool.submit, routes=ROUTES)
        with pipeline.start(), serving_app(app) as url:
            house = House(playwright, browser, path, folder, url)
            oracles: dict[str, Oracle] = {}
            for scenarios in _groups(SCENARIOS):
                oracles |= _view(house, scenarios)
            where = address(url, HIDDEN, "tide")
            oracles[HIDDEN] = watch_behind_another_tab(playwright, path, folder / "hidden", where)
        pipeline.settle()
        with DuckDBEngine(pipeline.catalog) as engine:
            return {verdict.name: verdict for verdict in verdicts(engine, oracles)}


def _groups(scenarios: Sequence[Scenario]) -> Iterator[Sequence[Scenario]]:
    for start in range(0, len(scenarios), AT_ONCE):
        yield scenarios[start : start + AT_ONCE]


def _view(house: House, scenarios: Sequence[Scenario]) -> dict[str, Oracle]:
    """Some viewings at once, each going on when the seconds that it asked for have passed."""
    stages = {scenario: house.stage(scenario) for scenario in scenarios}
    _run(list(stages.items()), house.browser)
    for stage in stages.values():
        stage.close()
    return {scenario.name: stage.oracle for scenario, stage in stages.items()}


def _run(viewings: Sequence[tuple[Scenario, Stage]], browser: Browser) -> None:
    """Waits in a page of its own: that is when Playwright hands on what the others say."""
    with browser.new_context() as context:
        waiting = context.new_page()
        due = [(time.monotonic(), scenario.view(stage)) for scenario, stage in viewings]
        while due:
            due.sort(key=lambda entry: entry[0])
            at, viewing = due.pop(0)
            waiting.wait_for_timeout(max(1, 1000 * (at - time.monotonic())))
            seconds = next(viewing, None)
            if seconds is not None:
                due.append((time.monotonic() + seconds, viewing))
        waiting.wait_for_timeout(1000 * TAIL)


@pytest.mark.parametrize("name", [*(scenario.name for scenario in SCENARIOS), HIDDEN])
def test_the_lake_tells_what_was_shown(judged: dict[str, Verdict], name: str) -> None:
    assert judged[name].faults() == []


def test_the_published_table_has_every_viewing(judged: dict[str, Verdict], tell: Tell) -> None:
    """PLAYLAKE_WRITE_TRUTH=1 writes it anew; otherwise a run leaves the tree as it was."""
    text = table(list(judged.values()))
    tell(f"\n{text}")
    if os.environ.get("PLAYLAKE_WRITE_TRUTH") == "1":
        DOCUMENT.write_text(text, encoding="utf-8")
    published = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"| {name} |" in published for name in judged)
