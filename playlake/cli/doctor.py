"""The command `doctor`: what stands between this machine and a deployed stack, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.markup import escape

from events.errors import PlaylakeError
from playlake.cli.opening import open_session
from playlake.cli.options import Format, OutputFormat
from playlake.cli.rendering import render_listing
from playlake.cli.terminal import Plain
from playlake.cli.where import AwsOptions, aws
from playlake.deployed.diagnosis import Finding, Verdict, failed, has_failed
from playlake.deployed.toolchain import check_tools

_COLORS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "red"}


@aws
def doctor(where: AwsOptions, output: OutputFormat = Format.TABLE) -> None:
    """Check what deploying and asking take: tools, credentials, region, permissions, quotas.

    Each line is ok, warning or failed, and says what to do. Exits with 1 when a check failed.
    Without --identifier no stack is looked at, and the permissions are those for one called demo.
    """
    findings = [*check_tools(Path.cwd()), *_aws_findings(where)]
    if output is Format.TABLE:
        _print(findings)
    else:
        columns = {"check": "varchar", "verdict": "varchar", "detail": "varchar"}
        rows = [(each.check, each.verdict.value, each.detail) for each in findings]
        render_listing(columns, rows, output)
    raise typer.Exit(1 if has_failed(findings) else 0)


def _aws_findings(where: AwsOptions) -> Iterator[Finding]:
    try:
        session = open_session(where.region, where.profile)
        from playlake.drivers.checkup import check_up

        yield from check_up(session, where.stack, lambda: datetime.now(UTC))
    except PlaylakeError as error:
        yield failed("aws", str(error))


def _print(findings: list[Finding]) -> None:
    console = Plain()
    for each in findings:
        verdict = f"[{_COLORS[each.verdict]}]{each.verdict.value:<7}[/]"
        console.print(f"{verdict}  {each.check:<11}  {escape(each.detail)}", soft_wrap=True)
