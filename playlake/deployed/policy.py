"""The policy that whoever deploys needs, as questions that IAM can be asked."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

POLICY_FILE = "deployer_policy.json"

# What stands for a wildcard in a concrete resource: any name will do, and a star is no name.
_ANY = "playlake"

_UNKNOWN_TO_IAM = frozenset({"apigateway:TagResource", "apigateway:UntagResource"})
"""What a service asks for though no reference lists it, so that IAM may refuse to simulate it."""


@dataclass(frozen=True, slots=True)
class Question:
    """May the caller do these actions on these resources, given this context?"""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """(key, IAM's name for the type, values) of what meets each of the policy's conditions; types:
    `ContextKeyType` of the IAM API."""


def read_policy() -> str | None:
    """The policy that this installation ships, its placeholders as they are; None without one."""
    found = files("playlake.deployed") / POLICY_FILE
    return found.read_text("utf-8") if found.is_file() else None


def questions(policy: str, names: Mapping[str, str]) -> Iterator[Question]:
    """What to ask for each statement that allows something.

    `names` are the values of the placeholders: `${Identifier}`, `${Stage}`, `${Region}`,
    `${Account}`, `${Partition}`. Actions with a wildcard are left out, for IAM simulates none, and
    those that it may not know.
    """
    document = json.loads(Template(policy).safe_substitute(names))
    for statement in _listed(document["Statement"]):
        actions = tuple(filter(_is_simulated, _listed(statement.get("Action", ()))))
        if statement["Effect"] == "Allow" and actions:
            resources = tuple(map(_concrete, _listed(statement.get("Resource", "*"))))
            yield Question(actions, resources, tuple(_context(statement.get("Condition", {}))))


def _is_simulated(action: str) -> bool:
    return "*" not in action and action not in _UNKNOWN_TO_IAM


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _concrete(resource: str) -> str:
    return resource if resource == "*" else resource.replace("*", _ANY)


def _context(condition: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for operator, keys in condition.items():
        each, _, test = operator.rpartition(":")
        kind = ("boolean" if test.startswith("Bool") else "string") + ("List" if each else "")
        for key, values in keys.items():
            yield key, kind, (_concrete(str(_listed(values)[0])),)
