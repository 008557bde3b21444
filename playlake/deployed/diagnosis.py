"""What `playlake doctor` finds: one finding a check, and what to do about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How a check came out. Only FAILED stands in the way of deploying or asking."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check; unless it is OK, `detail` says what to do."""

    check: str
    verdict: Verdict
    detail: str


def ok(check: str, detail: str) -> Finding:
    """All is well."""
    return Finding(check, Verdict.OK, detail)


def warning(check: str, detail: str) -> Finding:
    """It works, or could not be looked at."""
    return Finding(check, Verdict.WARNING, detail)


def failed(check: str, detail: str) -> Finding:
    """It does not work."""
    return Finding(check, Verdict.FAILED, detail)


def has_failed(findings: Iterable[Finding]) -> bool:
    """Whether anything stands in the way."""
    return any(each.verdict is Verdict.FAILED for each in findings)


_MOST_NAMED = 6


def named(names: Sequence[str]) -> str:
    """The names, the first of them when they are many."""
    shown = ", ".join(names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


_SKEW_WARNED, _SKEW_REFUSED = 60, 300


def judge_clock(seconds_ahead: float) -> Finding:
    """This machine's clock against AWS's, which refuses signatures five minutes old.

    Source: "Signature Version 4 troubleshooting" of the IAM user guide.
    """
    off = f"{abs(seconds_ahead):.0f} s {'ahead of' if seconds_ahead > 0 else 'behind'} AWS's"
    if abs(seconds_ahead) >= _SKEW_REFUSED:
        return failed("clock", f"{off}, which refuses requests more than 5 minutes off: set it.")
    if abs(seconds_ahead) >= _SKEW_WARNED:
        return warning("clock", f"{off}: set it before AWS refuses requests, 5 minutes off.")
    return ok("clock", "agrees with AWS's")


_FEW_LAMBDAS = 50


def judge_concurrency(at_once: int) -> Finding:
    """How many Lambda functions the account may run at once: 1,000, or 10 when it is new.

    Source: "Lambda quotas" of the Lambda developer guide.
    """
    told = f"{at_once:,} Lambda invocations at once"
    if at_once < _FEW_LAMBDAS:
        return warning(
            "quotas",
            f"{told}: enough to try it; before real traffic ask Service Quotas for more"
            " (AWS Lambda, Concurrent executions).",
        )
    return ok("quotas", told)


def judge_region(region: str, missing: Sequence[str], elsewhere: Sequence[str]) -> Finding:
    """Whether the region has every service; `missing` are those that it lacks, `elsewhere` the
    regions that lack none, the likeliest meant first."""
    if not missing:
        return ok("region", f"{region} has every service")
    advice = f"choose another with --region, such as {elsewhere[0]}." if elsewhere else "see docs."
    return failed("region", f"{region} has no {named(missing)}: {advice}")
