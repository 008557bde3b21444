"""The command `simulate`: realistic traffic, with its own ground truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from events.errors import PlaylakeError, SettingsError
from playlake.cli.opening import find_stack
from playlake.cli.options import today
from playlake.cli.progress import progress
from playlake.cli.terminal import Plain
from playlake.cli.where import Target, sending
from playlake.days import parse_day
from playlake.deployed.deployment import Deployed
from playlake.local.folder import DataFolder

if TYPE_CHECKING:
    from playlake.simulation import SimulatedRequest, Simulation, Totals

_DAY_MS = 86_400_000
_FIRST = date(2000, 1, 3)
"""Times before 2000 are rejected, and some viewers' clocks are a day or two late."""


@sending
def simulate(
    where: Target,
    viewers: Annotated[int, typer.Option(min=1, help="How many people watch.")] = 500,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="For how many days.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed gives the same traffic.")] = 1,
    until: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help="The last day. Default: yesterday, UTC."),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the ground truth, as JSON.")
    ] = None,
) -> None:
    """Send realistic traffic: viewers, pauses, seeks, bots, late and duplicate and broken events.

    It knows what it meant, so that answers can be checked against its ground truth.
    """
    from playlake.simulation import Scenario, Simulation

    target = _target(where)
    last = _last_day(until)
    if last - timedelta(days=days - 1) < _FIRST:
        raise SettingsError(
            f"--days {days} begin before {_FIRST}, and no player logged anything then."
        )
    simulation = Simulation(Scenario(viewers=viewers, days=days, seed=seed, until=last))
    run_simulation(simulation, days, target)
    sent_to = str(target.root) if isinstance(target, DataFolder) else target
    _print_totals(simulation.truth().totals(), sent_to)
    if truth is not None:
        _save(truth, simulation)


def _last_day(until: str | None) -> date:
    """The traffic's last day: it comes as it would have come, and so not from days to come."""
    if until is None:
        return today() - timedelta(days=1)
    last = parse_day("--until", until)
    if last > today():
        raise SettingsError(f"--until {last} is still to come; name today or a day before it.")
    return last


def _target(where: Target) -> DataFolder | str:
    """The folder or the collector's URL to send to."""
    if isinstance(where, Deployed):
        return find_stack(where).deployment.url
    return where if isinstance(where, DataFolder) else where.url


def run_simulation(simulation: Simulation, days: int, target: DataFolder | str) -> None:
    """Send the simulation's requests to a URL or into a data folder, with a progress bar."""
    from playlake.local.feed import feed_folder, feed_url

    with progress(f"Simulating {days} days", days) as update:
        requests = _watched(simulation.requests(), update)
        if isinstance(target, DataFolder):
            feed_folder(requests, target)
        else:
            feed_url(requests, target)


def _watched(
    requests: Iterable[SimulatedRequest], update: Callable[[float], None]
) -> Iterator[SimulatedRequest]:
    first = None
    for request in requests:
        first = request.sent_at if first is None else first
        update((request.sent_at - first) / _DAY_MS)
        yield request


def _print_totals(totals: Totals, where: str) -> None:
    console = Plain()
    console.print(
        f"Sent {totals.events_sent:,} events in {totals.requests:,} requests to {escape(where)}.",
        soft_wrap=True,  # a URL stays whole
    )
    console.print(
        f"Ground truth: {totals.video_play_events:,} plays, {totals.video_player_events:,} player"
        f" events, {totals.custom_events:,} custom events; {totals.duplicates:,} duplicates,"
        f" {totals.late_events:,} of a day before the one they came on;"
        f" {totals.requests_refused:,} requests to refuse."
    )
    reasons = ", ".join(f"{count} {reason}" for reason, count in totals.rejected_events.items())
    console.print(f"To be rejected: {reasons or 'nothing'}.")


def _save(path: Path, simulation: Simulation) -> None:
    saved = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "totals": asdict(simulation.truth().totals()),
        "truth": simulation.truth().to_dict(),
    }
    try:
        path.write_text(json.dumps(saved))
    except OSError as error:
        raise PlaylakeError(f"{path} cannot be written: {error.strerror}") from error
    Plain().print(f"Ground truth saved to {escape(str(path))}.", soft_wrap=True)
