"""`playlake demo`, as `make demo` runs it, with fewer viewers."""

import json
import re

from playlake.viewing import browser_path
from tests.conftest import run_playlake
from tests.lacking import lacking


def test_the_demo_shows_a_month_that_equals_its_truth_and_a_play_from_a_browser(tmp_path):
    data = tmp_path / "demo"
    ran = run_playlake("demo", "--viewers", 60, "--data", data)
    assert ran.code == 0, ran.err
    # Twelve reports over all, one on each of three users, and one on each of three videos.
    assert ran.out.count("  equal") == 18
    assert "DIFFERENT" not in ran.out
    for title in ("Daily plays", "Device mix", "Play time by video", "Watch time by user"):
        assert title in ran.out
    assert "Scanned 1 of 3" in ran.out
    assert "or pass --full-scan" in ran.out
    if browser_path() is None:
        assert "no Chromium" in ran.out
        lacking("Chromium is not installed; the demo's own play needs it.")
    # On a busy machine a stall may come before the skip, so the skip's row need not begin at 0.
    assert re.search(r"dawn +\d.* seek +Chrome", ran.out)
    plays = run_playlake(
        *("query", "SELECT * FROM video_play_events WHERE video_id = 'dawn' AND dt > '2026'"),
        *("--format", "json", "--data", data),
    )
    rows = json.loads(plays.out)
    assert {row["end_reason"] for row in rows} >= {"seek", "unload"}
    assert not any(row["is_bot"] for row in rows)
    # Six seconds of watching with a skip of three in the middle: the skip is not counted.
    assert 4_000 < sum(row["duration"] for row in rows) < 7_000


def test_the_demo_begins_its_own_folder_anew_and_touches_no_other(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious").write_text("mine")
    ran = run_playlake("demo", "--data", other)
    assert ran.code == 2
    assert "holds what no demo made" in ran.err
    assert (other / "precious").read_text() == "mine"


def test_a_folder_that_somebody_collects_into_is_no_demos(dev):
    dev.post({"action": "click"})
    ran = run_playlake("demo", "--data", dev.data)
    assert (ran.code, dev.data.exists()) == (2, True)
    assert "holds what no demo made" in ran.err
    # One that a demo made, and `playlake dev` serves now, as its last line says to.
    (dev.data / ".demo").touch()
    ran = run_playlake("demo", "--data", dev.data)
    assert ran.code == 2
    assert "another playlake" in ran.err
    assert "Delivered" in dev.stop()
    assert "1" in run_playlake("partitions", "--format", "csv", "--data", dev.data).out
