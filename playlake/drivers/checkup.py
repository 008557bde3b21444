"""The checks of `playlake doctor` that ask AWS."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from typing import Any

from events.errors import PlaylakeError
from playlake.deployed.deployment import SERVICES, Deployed, remark, unusable
from playlake.deployed.diagnosis import (
    Finding,
    failed,
    judge_clock,
    judge_concurrency,
    judge_region,
    ok,
    warning,
)
from playlake.deployed.policy import questions, read_policy
from playlake.drivers.permissions import check_permissions
from playlake.drivers.session import FAULTS, Session, failures, meaning
from playlake.drivers.stack import describe

_EXAMPLE = "demo"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who the credentials are (`sts:GetCallerIdentity`, which nobody can be denied)."""

    account: str
    arn: str

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn`, `aws-us-gov`."""
        return self.arn.split(":")[1]


def check_up(
    session: Session, where: Deployed | None, now: Callable[[], datetime]
) -> Iterator[Finding]:
    """A finding for each check; what needs credentials is left out without them.

    `where` is the stack, if one is meant; `now` is this machine's clock.
    """
    yield _region(session)
    caller, findings = _credentials(session, now)
    yield from findings
    if caller is None:
        return
    yield _guarded("permissions", lambda: _permissions(session, caller, where))
    yield _guarded("quotas", lambda: _quotas(session))
    if where is not None:
        yield _stack(session, where)


def _guarded(check: str, run: Callable[[], Finding]) -> Finding:
    """What the check finds; that it could not be made is no failure of what it looks at."""
    try:
        return run()
    except PlaylakeError as error:
        return warning(check, f"not checked: {error}")


def _region(session: Session) -> Finding:
    by_service = {service: set(session.regions(service)) for service in SERVICES}
    everywhere = sorted(set.intersection(*by_service.values()))
    missing = [name for name, regions in by_service.items() if session.region not in regions]
    near = get_close_matches(session.region, everywhere, n=1, cutoff=0)
    return judge_region(session.region, missing, near)


def _credentials(
    session: Session, now: Callable[[], datetime]
) -> tuple[Caller | None, list[Finding]]:
    try:
        found = session.client("sts").get_caller_identity()
    except FAULTS as error:
        answered: Mapping[str, Any] = getattr(error, "response", {})
        return None, [failed("credentials", str(meaning(error))), *_clock(answered, now())]
    caller = Caller(found["Account"], found["Arn"])
    return caller, [_who(caller), *_clock(found, now())]


def _who(caller: Caller) -> Finding:
    if caller.arn.endswith(":root"):
        return warning(
            "credentials",
            f"the root user of account {caller.account}: make a user or role for deploying; see"
            " docs/deploying.md.",
        )
    return ok("credentials", f"{caller.arn}")


def _clock(answered: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    date = answered.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    told = None if date is None else _moment(date)
    if told is not None:
        yield judge_clock((now - told).total_seconds())


def _moment(date: str) -> datetime | None:
    """A Date header's, UTC where it has no zone; None for what is no date: a proxy wrote it."""
    try:
        found = parsedate_to_datetime(date)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _permissions(session: Session, caller: Caller, where: Deployed | None) -> Finding:
    policy = read_policy()
    if policy is None:
        return warning("permissions", "not checked: this installation holds no deployment policy.")
    meant = Deployed(_EXAMPLE) if where is None else where
    names = {
        "Identifier": meant.identifier,
        "Stage": meant.stage,
        "Region": session.region,
        "Account": caller.account,
        "Partition": caller.partition,
    }
    return check_permissions(session, caller.arn, questions(policy, names), str(meant))


def _quotas(session: Session) -> Finding:
    with failures():
        limits = session.client("lambda").get_account_settings()["AccountLimit"]
    return judge_concurrency(limits["UnreservedConcurrentExecutions"])


def _stack(session: Session, where: Deployed) -> Finding:
    try:
        stack = describe(session, where)
    except PlaylakeError as error:
        return failed("stack", str(error))
    fault = unusable(where, stack)
    if fault is not None:
        return failed("stack", str(fault))
    note = remark(where, stack)
    told = f"{where} is {stack.status}"
    return ok("stack", told) if note is None else warning("stack", f"{told}: {note}.")
