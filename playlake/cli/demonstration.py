"""The demonstration: a simulated month, a real play, and what the numbers say."""

import random
import shutil
import time
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from catalog.named import NamedQuery, named_queries, named_query
from catalog.port import Engine, Value
from events.errors import FullScanRefused, PlaylakeError, SettingsError
from ingest.drivers.spool import Spool
from playlake.cli.opening import opened
from playlake.cli.options import Format, today
from playlake.cli.rendering import render
from playlake.cli.simulate import run_simulation
from playlake.cli.terminal import Plain
from playlake.lake import Lake
from playlake.local.folder import DataFolder
from playlake.local.pipeline import LocalPipeline
from playlake.simulation import Scenario, Simulation
from playlake.simulation.verification import compare
from playlake.viewing import Missing, view
from playlake.web.serving import serving

_DAYS = 30
_MARK = ".demo"
"""In a data folder that a demo made, and may delete."""
_SECONDS = 6.0
_TOP = 5
_LAB_SQL = (
    "SELECT video_id, SUM(ended_at - started_at) AS total_play_duration,"
    " AVG(ended_at - started_at) AS avg_play_duration"
    " FROM playlake.video_play_events GROUP BY 1 ORDER BY 2"
)


def demonstrate(data: Path, viewers: int) -> None:
    """Begin `data` anew, fill it, check it and show it."""
    console = Plain()
    began = time.monotonic()
    _begin_anew(data)
    simulation = _simulate(console, data, viewers)
    _check(console, data, simulation)
    _play(console, data)
    _report(console, data)
    console.print(
        f"Done in {time.monotonic() - began:.0f} s. Ask for yourself:\n"
        f"  .venv/bin/playlake report play_time_by_video --data {data}\n"
        f"  .venv/bin/playlake dev --data {data}     [dim]then open http://127.0.0.1:8080/[/]",
        soft_wrap=True,
    )


def _begin_anew(data: Path) -> None:
    """Delete a demo of before, and nothing else."""
    if data.exists() and any(data.iterdir()):
        if not (data / _MARK).exists():
            raise SettingsError(
                f"{data} holds what no demo made, and a demo begins anew; name another with --data."
            )
        # Raises SettingsError while somebody collects into it.
        with Spool(DataFolder(data).spool):
            shutil.rmtree(data)
    data.mkdir(parents=True, exist_ok=True)
    (data / _MARK).touch()


def _simulate(console: Console, data: Path, viewers: int) -> Simulation:
    last = today() - timedelta(days=1)
    console.rule("[bold]1. A month of traffic, through the collector into the lake", align="left")
    began = time.monotonic()
    simulation = Simulation(Scenario(viewers=viewers, days=_DAYS, seed=1, until=last))
    run_simulation(simulation, _DAYS, DataFolder(data))
    seconds = time.monotonic() - began
    totals = simulation.truth().totals()
    console.print(
        f"{viewers:,} viewers, {_DAYS} days to {last}: {totals.events_sent:,} events in"
        f" {totals.requests:,} requests, {totals.events_sent / seconds:,.0f} events/s.\n"
        f"Among them {totals.duplicates:,} duplicates, {totals.late_events:,} late events,"
        f" {sum(totals.rejected_events.values()):,} that break their type's rules and"
        f" {totals.requests_refused:,} requests that are no JSON.\n"
    )
    return simulation


def _check(console: Console, data: Path, simulation: Simulation) -> None:
    console.rule("[bold]2. The reports against the simulator's ground truth", align="left")
    until = today() - timedelta(days=1)
    since = until - timedelta(days=_DAYS - 1)
    with opened(DataFolder(data)) as lake:
        for each in compare(
            lake.engine, simulation.truth(), since, until, _some_users(lake.engine)
        ):
            verdict = "[green]equal[/]" if each.equal else "[red]DIFFERENT[/]"
            console.print(f"{each.report:<24} {len(each.answered):>6,} rows  {verdict}")
            if not each.equal:
                raise PlaylakeError(f"{each.report} is not what was simulated; please report it.")
    console.print()


def _some_users(engine: Engine) -> list[int]:
    sql = "SELECT DISTINCT user_id FROM video_play_events WHERE user_id IS NOT NULL ORDER BY 1"
    with engine.query(sql, full_scan=True) as answer:
        ids = [user_id for (user_id,) in answer]
    return random.Random(1).sample(ids, min(3, len(ids)))  # noqa: S311 (a sample, no secret)


def _play(console: Console, data: Path) -> None:
    console.rule("[bold]3. A real video, played in a real browser", align="left")
    with LocalPipeline(DataFolder(data)) as pipeline, serving(pipeline) as url:
        viewed = view(url, _SECONDS)
    if isinstance(viewed, Missing):
        console.print(f"Skipped: {escape(viewed.reason)}.\n")
        return
    console.print(f"Played for {viewed.seconds:.0f} s in {viewed.browser}, with a seek between:")
    sql = (
        "SELECT video_id, seq, started_at, ended_at, duration, wall_ms, end_reason, browser_name"
        " FROM video_play_events WHERE dt >= :today ORDER BY logged_at, seq"
    )
    parameters = {"today": today().isoformat()}
    with opened(DataFolder(data)) as lake, lake.engine.query(sql, parameters=parameters) as answer:
        render(answer, Format.TABLE)


def _report(console: Console, data: Path) -> None:
    console.rule("[bold]4. What the numbers say", align="left")
    yesterday = today() - timedelta(days=1)
    month: Mapping[str, Value | date] = {
        "since": today() - timedelta(days=_DAYS),
        "until": today(),
    }
    with opened(DataFolder(data)) as lake:
        busiest = {name: _busiest(lake.engine, name, month) for name in ("user_id", "video_id")}
        for named in named_queries():
            about: Mapping[str, Value | date] = {
                each.name: busiest[each.name] for each in named.parameters if each.name in busiest
            }
            whom = "".join(f", {name.removesuffix('_id')} {value}" for name, value in about.items())
            _show(lake, named, {**month, **about}, f"{named.title}{whom} (first {_TOP} rows)")
        console.rule("[bold]5. One day costs one day, and a whole scan is asked for", align="left")
        one_day = {"since": yesterday, "until": yesterday}
        _show(lake, named_query("device_mix"), one_day, f"Device mix of {yesterday}")
        console.print(f'[dim]playlake query "{escape(_LAB_SQL)}"[/]', soft_wrap=True)
        try:
            lake.engine.query(_LAB_SQL).close()
        except FullScanRefused as refused:
            console.print(f"[yellow]{escape(str(refused))}[/]\n", soft_wrap=True)


def _show(lake: Lake, named: NamedQuery, given: Mapping[str, Value | date], title: str) -> None:
    sql = f"SELECT * FROM ({named.sql}) LIMIT {_TOP}"  # noqa: S608 (our own SQL)
    with lake.engine.query(sql, parameters=named.arguments(given, today())) as answer:
        render(answer, Format.TABLE, title=title)


def _busiest(engine: Engine, column: str, month: Mapping[str, Value | date]) -> str | int:
    """The user or the video with the most intervals."""
    sql = (
        f"SELECT {column} FROM video_play_events WHERE dt BETWEEN :since AND :until"  # noqa: S608
        f" AND {column} IS NOT NULL GROUP BY 1 ORDER BY COUNT(*) DESC, 1 LIMIT 1"
    )
    parameters = {name: str(day) for name, day in month.items()}
    with engine.query(sql, parameters=parameters) as answer:
        found: str | int = next(iter(answer))[0]
        return found
