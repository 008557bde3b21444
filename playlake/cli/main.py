"""The entry of the command line: its commands, its exit codes, its errors in one line."""

import signal
import sys
from collections.abc import Callable
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, cast

import typer
from rich.markup import escape

from events.errors import FullScanRefused, PlaylakeError, Unavailable
from playlake.cli import (
    ask,
    audit,
    compact,
    consume,
    dashboard,
    demo,
    dev,
    doctor,
    forget,
    info,
    look,
    replay,
    retain,
    simulate,
)
from playlake.cli.terminal import Plain, silence

EXIT_CODES = {
    0: "done",
    1: "infrastructure failed (a disk, a server, AWS), or a check of doctor, audit, compact or"
    " forget did; what was acknowledged is safe",
    2: "the command cannot be done as it was asked: a wrong option, name, setting or SQL",
    3: "refused: the query reads every partition; add a predicate on dt, or --full-scan",
    130: "interrupted by Ctrl-C",
}

app = typer.Typer(
    name="playlake",
    help="Video-play analytics that you own: collect plays, keep them as Parquet, ask in SQL.",
    epilog="Exit codes: " + "; ".join(f"{code} {doc}" for code, doc in EXIT_CODES.items()),
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_ONE_DAY = (
    "SELECT video_id, SUM(duration) FROM video_play_events WHERE dt = '2026-11-24' GROUP BY 1"
)
_COMMANDS: dict[Callable[..., None], str] = {
    demo.demo: "playlake demo",
    dev.dev: "playlake dev --port 8080 --data data",
    dashboard.dashboard: "playlake dashboard --identifier demo",
    simulate.simulate: "playlake simulate --viewers 500 --days 30 --seed 1 --data data",
    ask.query: f'playlake query "{_ONE_DAY}"',
    ask.report: "playlake report play_time_by_video --since 2026-11-01 --until 2026-11-30",
    ask.export: "playlake export daily_plays --csv daily.csv --since 2026-11-01",
    look.partitions: "playlake partitions video_play_events",
    look.rejected: "playlake rejected --limit 5",
    look.sync: "playlake catalog sync --data data",
    replay.replay: "playlake replay --table rejected --since 2026-11-01 --dry-run",
    compact.compact: "playlake compact --all-older-than 1h",
    look.schema: "playlake schema video_play > video_play.schema.json",
    consume.consume: "playlake consume --stream plays --data data",
    forget.forget: "playlake forget --user-id 12345 --dry-run",
    audit.audit: "playlake audit --since 2026-11-01 --until 2026-11-30",
    retain.retain: "playlake retain --days 400 --dry-run",
    info.info: "playlake info --identifier demo",
    doctor.doctor: "playlake doctor --identifier demo",
}
"""Each command, with an example."""


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"playlake {version('playlake')}")
        raise typer.Exit


_catalog = typer.Typer(help="Look after the catalog.")
app.add_typer(_catalog, name="catalog")
for command, example in _COMMANDS.items():
    # SQL that begins with a comment is no option.
    settings = {"ignore_unknown_options": command is ask.query}
    group = _catalog if command is look.sync else app
    group.command(epilog=f"Example: {example}", context_settings=settings)(command)


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    pass


COMMANDS = tuple(
    f"{group}{each.callback.__name__}"
    for group, within in (("", app), ("catalog ", _catalog))
    for each in within.registered_commands
    if each.callback
)
"""Every command, as it is typed."""

_UsageError = cast(type[Exception], typer.BadParameter.__base__)
"""What typer raises for a wrong option or argument; it has no public name for it."""


def main() -> None:
    """Run the command line and exit with one of `EXIT_CODES`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a character shows another, and nothing fails for it.
            stream.reconfigure(errors="replace")
    try:
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
        sys.exit(code or 0)
    except _UsageError as error:
        told = error.format_message().removesuffix(".")  # type: ignore[attr-defined]
        _complain(f"{told}. See `playlake --help`.")
        sys.exit(2)
    except PlaylakeError as error:
        _complain(str(error))
        sys.exit(exit_code(error))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except BrokenPipeError:
        # `playlake query ... | head`: whoever read has enough.
        silence()
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        silence()
        _complain(f"{error.filename or 'the output'}: {error.strerror}")
        sys.exit(1)


def _complain(sentence: str) -> None:
    console = Plain(stderr=True)
    console.print(f"[red]playlake:[/] {escape(sentence)}", soft_wrap=True)


def exit_code(error: PlaylakeError) -> int:
    """The exit code that tells this error's kind to a script."""
    if isinstance(error, FullScanRefused):
        return 3
    return 1 if isinstance(error, Unavailable) else 2
