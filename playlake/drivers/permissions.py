"""Whether the caller may do what deploying takes, by IAM's own simulation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from playlake.deployed.diagnosis import Finding, failed, named, ok, warning
from playlake.deployed.policy import Question
from playlake.drivers.session import Session, failures, is_denied


class NotSimulated(Exception):
    """IAM cannot be asked about this caller; the message says why."""


def check_permissions(
    session: Session, caller: str, questions: Iterator[Question], meant: str
) -> Finding:
    """Ask each question about `caller`, the ARN that STS gives; `meant` is the stack, in words.

    A simulation changes nothing (`iam:SimulatePrincipalPolicy`).
    """
    iam = session.client("iam")
    try:
        principal = _principal(iam, caller)
        denied = sorted({each for ask in questions for each in _denied(iam, principal, ask)})
    except NotSimulated as reason:
        return warning("permissions", f"not checked: {reason}")
    if denied:
        return failed(
            "permissions",
            f"these credentials may not do {named(denied)}, which deploying {meant} takes: attach"
            " the policy of docs/deploying.md to them.",
        )
    return ok("permissions", f"every action that deploying {meant} takes is allowed")


def _principal(iam: Any, caller: str) -> str:
    """The user or role whose policies count; a session's ARN names its role without its path."""
    kind, _, rest = caller.split(":", 5)[5].partition("/")
    if kind == "root":
        raise NotSimulated("the root user may do everything. Deploy as a user or role of its own.")
    if kind == "user":
        return caller
    if kind != "assumed-role":
        raise NotSimulated(f"IAM simulates users and roles, and {caller} is neither.")
    with _asking("iam:GetRole"):
        return str(iam.get_role(RoleName=rest.split("/")[0])["Role"]["Arn"])


def _denied(iam: Any, principal: str, question: Question) -> Iterator[str]:
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=principal,
        ActionNames=list(question.actions),
        ResourceArns=list(question.resources),
        ContextEntries=[
            {"ContextKeyName": key, "ContextKeyType": kind, "ContextKeyValues": list(values)}
            for key, kind, values in question.context
        ],
    )
    with _asking("iam:SimulatePrincipalPolicy"):
        for page in pages:
            for result in page["EvaluationResults"]:
                # Over several resources this is the most restrictive decision (IAM API reference,
                # EvaluationResult).
                if result["EvalDecision"] != "allowed":
                    yield result["EvalActionName"] + _by_whom(result)


def _by_whom(result: dict[str, Any]) -> str:
    organization = result.get("OrganizationsDecisionDetail", {})
    boundary = result.get("PermissionsBoundaryDecisionDetail", {})
    if organization.get("AllowedByOrganizations") is False:
        return " (the organization forbids it)"
    if boundary.get("AllowedByPermissionsBoundary") is False:
        return " (the permissions boundary forbids it)"
    return ""


@contextmanager
def _asking(action: str) -> Iterator[None]:
    """Make a refusal to be asked a reason, and every other failure what `failures` makes of it."""
    with failures():
        try:
            yield
        except ClientError as error:
            if is_denied(error):
                raise NotSimulated(f"these credentials may not do {action}.") from error
            raise
