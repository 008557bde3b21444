"""The benchmarks' common part, and those of the transform and of queries at their smallest.

What they measure here says nothing; that they run, and stop at what is wrong, does.
"""

import json
import re
import subprocess
import sys
from multiprocessing import Pipe
from pathlib import Path

import pyarrow.compute as pc
import pytest

from benchmarks import measuring, responding
from benchmarks.__main__ import NAMES, PAGE, rewritten
from benchmarks.growing_lake import dt_of, simulated_day, written_anew
from benchmarks.growth import DASHBOARD, ON_CHOICE, ON_OPENING
from benchmarks.measuring import Bound, Race, Spread
from benchmarks.queries import Report, must_equal
from benchmarks.transform import checked, firehose_events, play_events, rows_in, with_bad_events
from transform.firehose import records_of
from transform.process import Processor


def test_the_ways_take_turns_in_new_folders_after_a_round_that_warms_up(tmp_path):
    turns = []

    def way(name, seconds):
        def run(folder):
            assert not list(folder.iterdir())
            (folder / "made").touch()
            turns.append(name)
            return next(seconds)

        return run

    ways = {"a": way("a", iter([9.0, 1.0, 2.0])), "b": way("b", iter([8.0, 3.0, 4.0]))}
    assert measuring.in_turn(ways, 2, tmp_path) == {"a": [1.0, 2.0], "b": [3.0, 4.0]}
    assert turns == ["a", "b"] * 3
    assert (tmp_path / "a" / "made").exists()


def test_speeds_are_compared_by_their_medians():
    race = Race(100, "limit", {"limit": [1.0, 1.0, 50.0], "ours": [2.0, 2.0, 0.1]})
    assert race.speed("ours") == 0.5
    assert race.speed("limit", "ours") == 2.0
    assert Spread.of(race.seconds["ours"]) == Spread(2.0, 0.1, 2.0)
    table = race.table("a race")
    assert [list(column.cells) for column in table.columns] == [
        ["limit", "ours"],
        ["100", "50"],
        ["2", "50"],
        ["100", "1,000"],
        ["1.00", "0.50"],
    ]


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        (Bound("speed", 0.8, least=0.8), "speed: 0.8; at least 0.8: met"),
        (Bound("speed", 0.79, least=0.8), "speed: 0.79; at least 0.8: NOT met"),
        (Bound("peak MB", 400.5, most=400), "peak MB: 400; at most 400: NOT met"),
    ],
)
def test_a_bound_says_whether_it_is_met(bound, said):
    assert str(bound) == said


def test_the_machine_is_described_in_words_and_in_json(tmp_path):
    machine = measuring.machine("pyarrow")
    assert "pyarrow 2" in measuring.described(machine)
    measuring.write_json(tmp_path / "figures.json", {"machine": machine})
    assert json.loads((tmp_path / "figures.json").read_text()) == {"machine": machine}


def test_every_event_that_is_made_bad_is_rejected_and_no_other():
    lines = play_events(2_000)
    (event,) = firehose_events(with_bad_events(lines, 0.05))
    processed = Processor().process(records_of(event), now_ms=1_800_000_000_000)
    assert len(processed.tables["rejected_events"]) == 100
    assert len(processed.tables["video_play_events"]) == 1_900


def test_a_contender_that_wrote_fewer_rows_than_events_has_no_figure(tmp_path):
    way = checked("cheat", lambda _out: {"seconds": 0.0, "peak_mb": 0.0}, 1, {})
    assert rows_in(tmp_path) == 0
    with pytest.raises(SystemExit, match="cheat wrote 0 rows of 1 events"):
        way(tmp_path)


def test_an_answer_that_is_not_what_was_simulated_has_no_figure():
    report = Report("play_time_by_video", {})
    must_equal(report, "playlake", [("a", 1), ("b", 2)], [("b", 2), ("a", 1)])
    with pytest.raises(SystemExit, match="play_time_by_video over playlake is not"):
        must_equal(report, "playlake", [("a", 1)], [("a", 2)])


def test_a_day_that_is_written_anew_is_that_day_under_new_ids():
    day = simulated_day(600)
    second, third = dict(written_anew(day, 1)), dict(written_anew(day, 2))
    for name, rows in second.items():
        assert set(pc.strftime(rows["logged_at"], "%Y-%m-%d").to_pylist()) == {dt_of(1)}
        assert rows.sort_by([("video_id", "ascending"), ("logged_at", "ascending")]) == rows
        for column in ("event_id", "play_id", "user_id", "viewer_id"):
            twice = set(rows[column].to_pylist()) & set(third[name][column].to_pylist())
            assert twice <= {None}
    plays, signals = (set(rows["play_id"].drop_null().to_pylist()) for rows in second.values())
    assert len(plays | signals) == day.plays
    assert plays & signals


def test_growth_asks_for_the_reports_that_the_dashboard_asks_for():
    pages = Path(__file__).parents[1] / "webapp" / "dashboard"
    script, page = ((pages / name).read_text() for name in ("dashboard.js", "index.html"))
    opening = set(re.findall(r'(?:report: |figure\()"(\w+)"', script))
    chosen = set(re.findall(r'name="mix" value="(\w+)"', page)) - opening
    assert dict.fromkeys(opening, ON_OPENING) | dict.fromkeys(chosen, ON_CHOICE) == DASHBOARD


def test_a_report_without_an_answer_says_why(monkeypatch):
    monkeypatch.setattr(responding, "PATIENCE_SECONDS", 0)
    ours, theirs = Pipe(duplex=False)
    assert responding.heard(ours).fault == "no answer within 0 s"
    theirs.close()
    assert responding.heard(ours).fault == "its process died"
    assert responding.heard(ours).median == float("inf")


def run(benchmark, *arguments):
    """Its figures and what it printed, in a process of its own: it pins itself to one core."""
    done = subprocess.run(
        (sys.executable, "-m", f"benchmarks.{benchmark}", "--rounds", "1", *map(str, arguments)),
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_transform_is_measured_beside_its_peers(tmp_path):
    figures = tmp_path / "figures.json"
    printed = run("transform", "--events", 300, "--json", figures, "--peers", tmp_path / "absent")
    found = json.loads(figures.read_text())
    assert found["events"] == 300
    ran = {"DuckDB COPY", "playlake", "playlake, 1 % bad", "row by row"}
    for figure in ("seconds", "cpu_seconds", "peak_mb"):
        assert found[figure].keys() == ran
    assert all(len(rounds) == 1 for rounds in found["cpu_seconds"].values())
    assert "dlt did not run" in printed
    # The handler's log lines are not among it.
    assert "delivered" not in printed


def test_the_reports_are_measured_on_both_layouts(tmp_path):
    figures = tmp_path / "figures.json"
    printed = run("queries", "--events", 2_000, "--json", figures)
    found = json.loads(figures.read_text())
    assert found["reports"].keys() == {
        "play_time_by_video",
        "watch_time_by_user",
        "sessions_by_platform",
    }
    # Each reads the lab's every object.
    assert {each["lab_bytes"] for each in found["reports"].values()} == {
        found["stored"]["json_bytes"]
    }
    assert "times fewer" in printed


def test_growth_is_measured_by_days_partitions_and_what_the_dashboard_asks(tmp_path):
    figures, asked = tmp_path / "figures.json", ("--events", 600, "--days", 3, "--keep", tmp_path)
    printed = run("growth", *asked, "--json", figures)
    found = json.loads(figures.read_text())
    assert found["one_day"]["device_mix"].keys() == {"1 day", "3 days"}
    assert {tuple(each) for each in found["partitions"].values()} == {("9", "90", "900")}
    assert found["dashboard"].keys() == DASHBOARD.keys()
    assert all(each["fault"] is None and each["rows"] for each in found["dashboard"].values())
    assert found["dashboard"]["daily_plays"]["rows"] == 3
    assert "beside 1 day" in printed
    assert (tmp_path / "growth-600-3" / "complete.json").exists()


def test_what_a_benchmark_printed_takes_its_place_on_the_page():
    page = PAGE.read_text("utf-8")
    once = rewritten(page, "devices", "python -m benchmarks.devices", "a | b\n1 | 2")
    again = rewritten(once, "devices", "python -m benchmarks.devices", "c")
    assert "```text\na | b\n1 | 2\n```\n<!-- devices end -->" in once
    assert "a | b" not in again
    for name in NAMES:
        assert f"<!-- {name} end -->" in again
    with pytest.raises(ValueError, match="<!-- nothing -->"):
        rewritten(page, "nothing", "", "")


def test_a_benchmark_that_is_not_there_is_named():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nothing"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no benchmark is named nothing; there are transform" in done.stderr
