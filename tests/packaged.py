"""The template as osls packages it, and what CloudFormation would make of its references."""

import atexit
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.lacking import lacking

ROOT = Path(__file__).parents[1]
SERVERLESS = ROOT / "node_modules" / ".bin" / "serverless"
ACCOUNT = "123456789012"
REGION = "eu-west-1"
ZIPS = ("collect", "transform", "compact", "catalog", "page")
ALL_SWITCHES = (
    "alarmEmail=ops@example.com",
    "tracing=Active",
    "maxLateDays=30",
    "origins=https://example.com,https://www.example.com",
    "savedQueries=no",
    "arch=x86_64",
)
KINESIS = ("delivery=kinesis",)

# The property that holds a resource's name, which is what Ref gives.
_NAMED_BY = {
    "AWS::Athena::WorkGroup": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::LogStream": "LogStreamName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
}
_ARN = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Kinesis::Stream": "arn:aws:kinesis:{region}:{account}:stream/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
}
_NOTHING = object()


@dataclass(frozen=True)
class Template:
    """A template, read as for an account and a region."""

    body: dict[str, Any]
    path: Path
    region: str = REGION
    pseudo: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        pseudo = {"AccountId": ACCOUNT, "Region": self.region, "Partition": "aws"}
        pseudo |= {"URLSuffix": "amazonaws.com", "StackName": "playlake-demo-dev"}
        object.__setattr__(self, "pseudo", {f"AWS::{key}": pseudo[key] for key in pseudo})

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties, resolved, of each resource of a type that is made, by logical id."""
        return {
            name: self.resolve(resource.get("Properties", {}))
            for name, resource in self.made()
            if resource["Type"] == f"AWS::{kind}"
        }

    def made(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(logical id, resource) of each whose condition holds."""
        for name, resource in self.body["Resources"].items():
            if "Condition" not in resource or self._holds({"Condition": resource["Condition"]}):
                yield name, resource

    def outputs(self) -> set[str]:
        """The names of the outputs whose condition holds."""
        return {
            name
            for name, output in self.body["Outputs"].items()
            if "Condition" not in output or self._holds({"Condition": output["Condition"]})
        }

    def names(self) -> dict[str, str]:
        """The physical name of each resource that is given one, by logical id."""
        return {
            name: self._ref(name)
            for name, resource in self.made()
            if _NAMED_BY.get(resource["Type"], "") in resource.get("Properties", {})
        }

    def resolve(self, value: Any) -> Any:
        """The value with its functions evaluated; fails on one that it does not know."""
        if isinstance(value, list):
            return [each for each in map(self.resolve, value) if each is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return getattr(self, f"_{name[4:].lower()}")(argument)
        resolved = {name: self.resolve(inside) for name, inside in value.items()}
        return {name: inside for name, inside in resolved.items() if inside is not _NOTHING}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.body["Parameters"]:
            return self.body["Parameters"][name]["Default"]
        resource = self.body["Resources"][name]
        named = resource.get("Properties", {}).get(_NAMED_BY.get(resource["Type"], ""))
        return name if named is None else self.resolve(named)

    def _getatt(self, argument: list[str]) -> str:
        name, attribute = argument
        pattern = _ARN.get(self.body["Resources"][name]["Type"])
        if attribute != "Arn" or pattern is None:
            return f"{name}.{attribute}"
        return pattern.format(account=ACCOUNT, region=self.region, name=self._ref(name))

    def _sub(self, argument: Any) -> str:
        text, own = argument if isinstance(argument, list) else (argument, {})

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name in own:
                return str(self.resolve(own[name]))
            return str(self._getatt(name.split(".")) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^!}][^}]*)\}", value, text)

    def _join(self, argument: list[Any]) -> str:
        separator, parts = argument
        return str(separator).join(map(str, self.resolve(parts)))

    def _split(self, argument: list[Any]) -> list[str]:
        return str(self.resolve(argument[1])).split(argument[0])

    def _if(self, argument: list[Any]) -> Any:
        condition, yes, no = argument
        return self.resolve(yes if self._holds({"Condition": condition}) else no)

    def _holds(self, condition: dict[str, Any]) -> bool:
        ((name, argument),) = condition.items()
        if name == "Condition":
            return self._holds(self.body["Conditions"][argument])
        if name == "Fn::Not":
            return not self._holds(argument[0])
        if name == "Fn::Or":
            return any(map(self._holds, argument))
        assert name == "Fn::Equals", name
        left, right = self.resolve(argument)
        return bool(left == right)


@cache
def packaged(
    *params: str, identifier: str = "demo", stage: str = "dev", region: str = REGION
) -> Template:
    """The packaged template, osls run once for each set of options."""
    if shutil.which("node") is None or not SERVERLESS.exists():
        lacking("packaging the template needs node and node_modules: install node, run npm ci")
    out = _folder() / "-".join(["out", identifier, stage, region, *map(_safe, params)])
    options = ["--identifier", identifier, "--stage", stage, "--region", region]
    options += ["--package", str(out), "--param", f"zips={_folder()}"]
    for param in params:
        options += ["--param", param]
    ran = subprocess.run(
        [SERVERLESS, "package", *options],
        cwd=service(),
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    path = out / "cloudformation-template-update-stack.json"
    return Template(json.loads(path.read_text()), path, region)


@cache
def service() -> Path:
    """The service in a folder of this process: osls keeps its work in `.serverless` beside it."""
    folder = _folder() / "service"
    folder.mkdir()
    shutil.copy(ROOT / "serverless.yml", folder)
    for name in ("deploy", "node_modules"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def _safe(param: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", param)[:16]


@cache
def _folder() -> Path:
    """A folder for this process, with four zips that hold next to nothing."""
    folder = Path(tempfile.mkdtemp(prefix="playlake-packaged-"))
    atexit.register(shutil.rmtree, folder)
    for name in ZIPS:
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as code:
            code.writestr("code.py", "")
    return folder
