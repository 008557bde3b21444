"""Make the README's pictures anew: `python docs/images/make.py`, where there is a Chromium."""

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

from playlake.folder import DataFolder
from playlake.pipeline import LocalPipeline
from playlake.serving import serving
from playlake.viewing import CHROMIUM_OPTIONS, browser_path

HERE = Path(__file__).parent
WIDTH = 100


def demo_picture() -> None:
    """`make demo`, as a terminal shows it."""
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [sys.executable, "-m", "playlake", "demo", "--data", "demo-data"],
            cwd=folder,
            env=os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH)},
            capture_output=True,
            text=True,
            check=True,
        )
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi("$ make demo\n" + ran.stdout.rstrip()), soft_wrap=False)
    svg = console.export_svg(title="playlake")
    # The picture loads nothing from anywhere: whoever sees it has a monospaced font.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (HERE / "demo.svg").write_text(re.sub(r"[ \t]+\n", "\n", svg))


def page_pictures() -> None:
    """The player page after a play with a seek in it, light and dark."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalPipeline(DataFolder(Path(folder))) as pipeline,
        serving(pipeline) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=browser_path(), args=list(CHROMIUM_OPTIONS)
        )
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme=scheme)
            page.goto(url)
            video = page.locator("video")
            video.evaluate("video => { video.muted = true; return video.play() }")
            page.wait_for_timeout(3_000)
            video.evaluate("video => { video.currentTime += 4 }")
            page.wait_for_timeout(2_500)
            video.evaluate("video => video.pause()")
            page.locator(".state[data-state=accepted]").nth(1).wait_for()
            page.screenshot(path=HERE / f"player-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    demo_picture()
    page_pictures()
