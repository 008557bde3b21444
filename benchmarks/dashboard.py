"""How long the dashboard's first chart takes, over a month of a million events.

    python -m benchmarks.dashboard [DATA]

DATA is a data folder that is there; without it a million events are simulated, which takes a
minute. Each round is a new visit with an empty cache: from navigation to the chart's frame. Beside
it, in the same round, stands what a page without any numbers takes, for on a busy machine that is
most of it.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks import measuring
from benchmarks.measuring import Spread
from playlake.viewing import CHROMIUM_OPTIONS, browser_path

ROUNDS = 7
PAUSE_SECONDS = 3.0
"""Between rounds: what the last page still asked is answered by then."""

PLAYLAKE = (sys.executable, "-m", "playlake")
VIEWERS, MONTH_DAYS = 4_300, 30
"""They send a million events, and some."""

CHART = """
() => new Promise(done => {
  const look = () => {
    const state = document.getElementById("trend")?.dataset.state;
    if (state === "empty" || state === "failed") done(null);
    else if (state === "shown") requestAnimationFrame(() => done(performance.now()));
    else requestAnimationFrame(look);
  };
  look();
})
"""
BARE = "() => new Promise(done => requestAnimationFrame(() => done(performance.now())))"


def main() -> None:
    """Print each round's figures, and the median."""
    machine = measuring.machine("duckdb", "playwright")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(sys.argv[1]) if len(sys.argv) > 1 else simulated(Path(folder) / "data")
        with serving(data) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=browser_path(), args=list(CHROMIUM_OPTIONS)
            )
            rounds = [measured(browser, url) for _ in range(ROUNDS)]
            browser.close()
    print("first chart ms   bare page ms")
    for chart, bare in rounds:
        print(f"{chart:14.0f} {bare:14.0f}")
    charts, bares = zip(*rounds, strict=True)
    first, empty = Spread.of(charts), Spread.of(bares)
    print(f"{first.median:14.0f} {empty.median:14.0f}   median")
    print(f"{first.most:14.0f} {empty.most:14.0f}   most")
    print(measuring.described(machine))


def simulated(data: Path) -> Path:
    """A data folder with a month in it that ended yesterday."""
    traffic = ("--viewers", str(VIEWERS), "--days", str(MONTH_DAYS), "--seed", "1")
    subprocess.run((*PLAYLAKE, "simulate", *traffic, "--data", data), check=True)
    return data


@contextmanager
def serving(data: Path) -> Iterator[str]:
    """The URL of a `playlake dashboard` over the folder."""
    command = (*PLAYLAKE, "dashboard", "--port", "0", "--data", str(data))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"serves (http://\S+?)/dashboard/", process.stdout.readline())
        if found is None:
            raise SystemExit("playlake dashboard did not say where it serves")
        yield found[1]
        process.terminate()


def measured(browser: Browser, url: str) -> tuple[float, float]:
    """Milliseconds from navigation to the first chart, and to a page with nothing on it."""
    chart = visited(browser, f"{url}/dashboard/", CHART)
    if chart is None:
        raise SystemExit("the folder has no play in the last 30 days: simulate another")
    bare = visited(browser, f"{url}/healthz", BARE)
    assert bare is not None
    return chart, bare


def visited(browser: Browser, address: str, script: str) -> float | None:
    """What the script says in a visit of its own, with nothing in any cache."""
    time.sleep(PAUSE_SECONDS)
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto(address, wait_until="commit")
        said: float | None = page.evaluate(script)
        return said


if __name__ == "__main__":
    main()
