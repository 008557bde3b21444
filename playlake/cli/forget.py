"""The command `forget`: removes a person from everything that is stored, and proves it."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from events.errors import SettingsError
from playlake.cli.opening import opened_workshop
from playlake.cli.progress import progress
from playlake.cli.terminal import Plain
from playlake.cli.where import Where, anywhere
from playlake.local.folder import DataFolder

if TYPE_CHECKING:
    from playlake.mending.receipt import Receipt, Task
    from playlake.mending.workshop import Workshop
    from transform.mending.erasure import Erasure
    from transform.mending.person import Person

UserId = Annotated[int | None, typer.Option(help="A person with an account, by its integer.")]
ViewerId = Annotated[
    str | None, typer.Option(help="A visitor without an account, or a person with a text id.")
]
PlayId = Annotated[str | None, typer.Option(help="One play: a player's life on one source.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")
]
Verify = Annotated[
    bool,
    typer.Option("--verify", help="Prove that nothing is left; exits with 1 and names what is."),
]
ReceiptFile = Annotated[
    Path | None, typer.Option("--receipt", metavar="FILE", help="Write the receipt there, too.")
]


@anywhere
def forget(
    where: Where,
    user_id: UserId = None,
    viewer_id: ViewerId = None,
    play_id: PlayId = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    verify: Verify = False,
    receipt: ReceiptFile = None,
) -> None:
    """Remove a person from every table, the rejected payloads, failed/ and the raw archive.

    What cannot be undone is asked about, or takes --yes. Safe to interrupt and to run again, and
    repeated until a look at everything finds nothing. Prints a receipt as JSON, without the id.
    A folder's spool is delivered first, whatever is asked.
    """
    from playlake.mending.receipt import Task

    person = _person({"user_id": user_id, "viewer_id": viewer_id, "play_id": play_id})
    task = _task(dry_run=dry_run, verify=verify)
    _must_be_writable(receipt)
    if task is Task.FORGET and not yes:
        _ask(person, where)
    if isinstance(where, DataFolder):
        _deliver(where, forgetting=task is Task.FORGET)
    with opened_workshop(where, looking=task is Task.DRY_RUN) as shop:
        done = _do(task, person, shop, receipt)
    raise typer.Exit(0 if done.proven or task is Task.DRY_RUN else 1)


def _person(ids: dict[str, int | str | None]) -> Person:
    from transform.mending.person import Person

    given = [Person(field, str(value)) for field, value in ids.items() if value is not None]
    if len(given) != 1:
        raise SettingsError(
            "Name one id: --user-id, --viewer-id or --play-id. Who has two is forgotten twice."
        )
    return given[0]


def _task(*, dry_run: bool, verify: bool) -> Task:
    from playlake.mending.receipt import Task

    if dry_run and verify:
        raise SettingsError("--dry-run and --verify both only look: give one of them.")
    return Task.DRY_RUN if dry_run else Task.VERIFY if verify else Task.FORGET


def _must_be_writable(file: Path | None) -> None:
    """Better known before than after what the receipt is of."""
    if file is None:
        return
    try:
        with file.open("a"):
            pass
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}") from error


def _ask(person: Person, where: Where) -> None:
    if not sys.stdin.isatty():
        raise SettingsError(
            "forget cannot be undone: add --yes, or see with --dry-run what it would remove."
        )
    place = where.root if isinstance(where, DataFolder) else where.name
    question = f"Remove {person.field} {person.value} from {place} for good?"
    typer.confirm(question, abort=True, err=True)


def _deliver(folder: DataFolder, *, forgetting: bool) -> None:
    """What waits in the spool comes to lie where it is looked for; when something is to be
    forgotten, what nobody counts any more goes."""
    from playlake.drivers.leftovers import clear_leftovers
    from playlake.local.pipeline import LocalPipeline

    folder.must_exist()
    with LocalPipeline(folder) as pipeline:
        pipeline.delivery.drain()
        if forgetting:
            # A file that was replaced and outlived it would be taken for one that counts.
            pipeline.upkeep.take_over()
            pipeline.upkeep.delete_replaced()
            clear_leftovers(folder)


def _do(task: Task, person: Person, shop: Workshop, file: Path | None) -> Receipt:
    """Do it and give the receipt, also of what an error or Ctrl-C left undone."""
    from playlake.auditing.erased import note_erased
    from playlake.mending.receipt import Receipt, Task
    from transform.mending.erasure import Erasure

    note = partial(note_erased, shop.archive)
    erasure = Erasure(person, shop.lake, shop.archive, shop.settle, note)
    salt, began = secrets.token_bytes(16), datetime.now(UTC)
    results, proven = 0, False
    try:
        proven = _run(erasure, forgetting=task is Task.FORGET)
        if task is Task.FORGET:
            results = len(erasure.drop_results())
            shop.sync()
    finally:
        ended, passes = datetime.now(UTC), erasure.passes
        made = Receipt(person, salt, shop.name, task, began, ended, passes, results, proven)
        _give(made, file)
    return made


def _run(erasure: Erasure, *, forgetting: bool) -> bool:
    with progress("Looking", 1.0) as tell:
        erasure.tell = lambda done, total: tell(done / total if total else 1.0)
        return erasure.erase() if forgetting else erasure.look()


def _give(receipt: Receipt, file: Path | None) -> None:
    told = receipt.to_dict()
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    if file is not None:
        file.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    sys.stdout.flush()
    console = Plain(stderr=True)
    for name in told["left"]:
        console.print(f"left: {escape(name)}", soft_wrap=True)
    for name in told["under_way"]:
        sentence = "a consumer has begun a batch and will write it again; run this again after it"
        console.print(f"under way: {escape(name)}: {sentence}", soft_wrap=True)
    for name, problem in told["unreadable"].items():
        console.print(f"cannot be read: {escape(name)}: {escape(problem)}", soft_wrap=True)
