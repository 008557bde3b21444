"""The osls plugin: osls itself run on a service of a few lines, against an emulated AWS.

What needs no osls (counting, retries, sentences) is tested by node's own runner in tests/plugin/.
"""

import json
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.regions import regions_json
from tests import packaged
from tests.lacking import lacking
from tests.ministack import ACCOUNT, REGION, Ministack, ministack

ROOT = Path(__file__).parents[1]
OSLS = ROOT / "node_modules/osls/bin/serverless.js"
STACK = "playlake-demo-dev"
NODE = shutil.which("node")

SERVICE = """
service: playlake
frameworkVersion: '4'
plugins: [./deploy/plugin]
custom:
  switches:
    origins: {default: '*', doc: Who may send events.}
    arch: {default: arm64, doc: The functions' processor.}
    zips: {default: '', doc: Where the zips are.}
provider:
  name: aws
  runtime: python3.13
  region: ${opt:region, 'eu-west-1'}
  stackName: playlake-${opt:identifier}-${sls:stage}
  deploymentMethod: direct
package: {individually: true}
functions:
  collect:
    name: ${self:provider.stackName}-collect
    handler: code.handler
    package: {artifact: "${param:zips, 'zips'}/collect.zip"}
resources:
  Resources:
    Plain:
      Type: AWS::S3::Bucket
      Properties: {BucketName: "${self:provider.stackName}-plain"}
    Versioned:
      Type: AWS::S3::Bucket
      Properties:
        BucketName: ${self:provider.stackName}-versioned
        VersioningConfiguration: {Status: Enabled}
  Outputs:
    Url: {Value: https://api.example}
"""

MAKEFILE = "zips:\n\t@mkdir -p zips; cp code.zip zips/collect.zip; echo built for $(ARCH)\n"

BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": f"{STACK}-plain"}}
# Its log group is not there.
FAULTY = {
    "Type": "AWS::Logs::LogStream",
    "DependsOn": "Plain",
    "Properties": {"LogGroupName": "/not/there"},
}


def test_the_table_of_regions_is_what_botocore_says():
    assert (ROOT / "deploy/generated/regions.json").read_text() == regions_json()
    assert json.loads(regions_json())[REGION] == []


@pytest.fixture(scope="module")
def node() -> str:
    if NODE is None or not OSLS.exists():
        lacking("the osls plugin's tests need node and node_modules: install node, run npm ci")
    return NODE


def test_the_plugins_parts(node):
    files = sorted((ROOT / "tests/plugin").glob("*.test.js"))
    assert len(files) == 4
    ran = subprocess.run([node, "--test", *files], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_npm_installs_only_what_the_lock_has_the_hash_of():
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {path: entry for path, entry in lock["packages"].items() if path}
    assert packages["node_modules/osls"]["version"] == "4.3.1"
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not [path for path, entry in packages.items() if "resolved" in entry]


class Service:
    """A service in a folder of its own, and what osls answers there."""

    def __init__(self, folder: Path, node: str, environ: dict[str, str]) -> None:
        self.folder = folder
        self.node = node
        self.environ = environ
        (folder / "serverless.yml").write_text(SERVICE)
        (folder / "Makefile").write_text(MAKEFILE)
        (folder / "deploy").symlink_to(ROOT / "deploy")
        with zipfile.ZipFile(folder / "code.zip", "w") as code:
            code.writestr("code.py", "def handler(event, context):\n    return 'ok'\n")

    def run(self, command: str, *options: str, **environ: str) -> tuple[int, str]:
        ran = subprocess.run(
            [self.node, OSLS, *command.split(), *options],
            cwd=self.folder,
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return ran.returncode, ran.stdout

    def done(self, command: str, *options: str) -> str:
        """The output of a command that has to succeed."""
        code, output = self.run(command, "--identifier", "demo", *options)
        assert code == 0, output
        return output

    def refusal(self, command: str, *options: str, **environ: str) -> str:
        """What follows "Error:" of a command that has to fail, without a stack trace."""
        code, output = self.run(command, *options, **environ)
        assert code == 1, output
        sentence = output.partition("Error:")[2].strip()
        assert sentence, output
        assert "    at " not in sentence
        return sentence


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> dict[str, str]:
    """What every run of osls has: `PATH`, and one folder for what it compiles to check a service,
    which takes it 2 s and is kept in the user's own by default."""
    compiled = tmp_path_factory.mktemp("osls")
    return {"PATH": os.environ["PATH"], "SLS_SCHEMA_CACHE_BASE_DIR": str(compiled)}


@pytest.fixture
def service(tmp_path, node, machine) -> Service:
    """Without an AWS: whatever is refused here was refused without one."""
    environ = machine | {
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "SLS_AWS_REQUEST_MAX_RETRIES": "0",
    }
    return Service(tmp_path, node, environ)


@pytest.mark.parametrize(
    ("command", "options", "sentence"),
    [
        (
            "deploy",
            [],
            '--identifier is missing: it names the deployment, as in "serverless deploy',
        ),
        ("remove", ["--identifier"], "--identifier is missing"),
        ("deploy", ["--identifier", "Demo"], 'The identifier "Demo" has capitals'),
        ("package", ["--identifier", "my-demo"], 'The identifier "my-demo" has a dash'),
        ("info", ["--identifier", "demo", "--stage", "Prod"], 'The stage "Prod" has capitals'),
        (
            "rollback",
            ["--identifier", "demo", "--timestamp", "1476790110568"],
            "A rollback puts back the switches of then",
        ),
        ("deploy", ["--identifier", "demo", "--param", "orgins=x"], 'Did you mean "origins"?'),
        ("deploy", ["--identifier", "demo", "--region", "eu-wst-1"], "did you mean eu-west-1?"),
        (
            "deploy",
            ["--identifier", "demo", "--region", "us-iso-west-1"],
            "The region us-iso-west-1 has no athena, no glue",
        ),
    ],
)
def test_bad_input_is_one_sentence_before_anything_happens(service, command, options, sentence):
    assert sentence in service.refusal(command, *options)
    assert not (service.folder / "zips").exists()


@pytest.mark.parametrize(
    ("command", "environ", "sentence"),
    [
        ("deploy", {}, "There are no AWS credentials: sign in with `aws configure sso`"),
        ("info", {"AWS_PROFILE": "nobody"}, 'AWS profile "nobody"'),
        (
            "remove",
            {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"},
            "AWS cannot be reached in eu-west-1 (ECONNREFUSED)",
        ),
    ],
)
def test_without_usable_credentials_nothing_is_built(service, command, environ, sentence):
    assert sentence in service.refusal(command, "--identifier", "demo", **environ)
    assert not (service.folder / "zips").exists()


def test_packages_are_built_for_the_architecture_unless_they_are_there(service):
    assert "built for x86_64" in service.done("package", "--param", "arch=x86_64")
    assert "built for" not in service.done("package", "--param", "zips=zips")
    absent = service.refusal("package", "--identifier", "demo", "--param", "zips=elsewhere")
    assert "These zips are not there: elsewhere/collect.zip" in absent


def test_a_build_that_fails_stops_the_deployment_with_its_last_lines(service):
    (service.folder / "Makefile").write_text("zips:\n\t@echo no wheel for arm64 >&2; exit 1\n")
    sentence = service.refusal("package", "--identifier", "demo")
    assert sentence.startswith('Nothing was deployed: "make --silent zips ARCH=arm64" failed')
    assert "no wheel for arm64" in sentence


@pytest.fixture(scope="module")
def emulator(node) -> Iterator[Ministack]:
    """An emulated AWS, on loopback only."""
    with ministack() as running:
        yield running


@pytest.fixture
def deployed(tmp_path, node, machine, emulator):
    """A service beside an AWS that is there; whatever a test leaves is removed."""
    environ = machine | {
        "HOME": str(tmp_path),
        **emulator.environment(),
        "SLS_AWS_MONITORING_FREQUENCY": "200",
    }
    service = Service(tmp_path, node, environ)
    yield service
    if left(emulator):
        service.done("remove")


def fill(s3) -> None:
    """2,500 objects; of another bucket three versions and a delete marker of one key."""
    for number in range(2500):
        s3.put_object(Bucket=f"{STACK}-plain", Key=f"raw/{number}", Body=b"0123456789")
    for body in (b"1", b"22", b"333"):
        s3.put_object(Bucket=f"{STACK}-versioned", Key="one", Body=body)
    s3.delete_object(Bucket=f"{STACK}-versioned", Key="one")
    s3.create_multipart_upload(Bucket=f"{STACK}-versioned", Key="never completed")


def left(emulator: Ministack) -> list[str]:
    stacks = emulator.client("cloudformation").list_stacks()["StackSummaries"]
    groups = emulator.client("logs").describe_log_groups()["logGroups"]
    return [
        *(one["StackName"] for one in stacks if one["StackStatus"] != "DELETE_COMPLETE"),
        *(one["Name"] for one in emulator.client("s3").list_buckets()["Buckets"]),
        *(one["logGroupName"] for one in groups),
        *(one["FunctionName"] for one in emulator.client("lambda").list_functions()["Functions"]),
    ]


def test_from_deploy_to_a_removal_that_counts_and_leaves_nothing(deployed, emulator):
    up = deployed.done("deploy")
    assert "built for arm64" in up
    assert "POST https://api.example/events" in up
    assert "serverless remove --identifier demo" in deployed.done("info")
    fill(emulator.client("s3"))
    logs = emulator.client("logs")
    logs.create_log_group(logGroupName=f"/aws/kinesisfirehose/{STACK}")
    logs.create_log_group(logGroupName=f"/aws/kinesisfirehose/{STACK}2")

    down = deployed.done("remove")
    assert f"Deleting the stack {STACK} of account {ACCOUNT}, and all data in" in down
    assert f"from bucket {STACK}-plain: 2,500 objects (25 kB)" in down
    versioned = "3 objects (6 bytes), 1 delete marker, 1 unfinished upload"
    assert f"from bucket {STACK}-versioned: {versioned}" in down
    assert f"Deleted the log group /aws/kinesisfirehose/{STACK}\n" in down
    assert f"Nothing is left of {STACK} in {REGION}" in down
    another = f"/aws/kinesisfirehose/{STACK}2"
    assert left(emulator) == [another]
    logs.delete_log_group(logGroupName=another)


def test_what_is_not_deployed_is_said_to_be_so(deployed):
    where = f"account {ACCOUNT}, region {REGION}"
    assert f"There is no stack {STACK} in {where}" in deployed.done("remove")
    for command in ("info", "logs"):
        sentence = deployed.refusal(command, "--identifier", "demo")
        assert sentence.startswith('Nothing is deployed as "demo" in stage dev, region eu-west-1')


def half_made(emulator: Ministack, on_failure: str) -> str:
    """A stack of the deployment's name that never came up; its status."""
    cloudformation = emulator.client("cloudformation")
    template = json.dumps({"Resources": {"Plain": BUCKET, "Faulty": FAULTY}})
    cloudformation.create_stack(StackName=STACK, TemplateBody=template, OnFailure=on_failure)
    for _ in range(100):
        status = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
        if not status.endswith("IN_PROGRESS"):
            return status
        time.sleep(0.1)
    raise AssertionError(status)


HALF_WAY = pytest.mark.parametrize(
    ("on_failure", "status"), [("ROLLBACK", "ROLLBACK_COMPLETE"), ("DO_NOTHING", "CREATE_FAILED")]
)


@HALF_WAY
def test_a_stack_that_failed_half_way_can_be_deployed_again(deployed, emulator, on_failure, status):
    assert half_made(emulator, on_failure) == status
    up = deployed.done("deploy")
    assert f"The stack {STACK} is half made ({status}) and cannot be updated" in up
    described = emulator.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    assert described[0]["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def test_a_stack_whose_change_set_was_never_run_can_be_deployed(deployed, emulator):
    emulator.client("cloudformation").create_change_set(
        StackName=STACK,
        ChangeSetName="never-run",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"Plain": BUCKET}}),
    )
    assert "is half made (REVIEW_IN_PROGRESS)" in deployed.done("deploy")


@HALF_WAY
def test_a_stack_that_failed_half_way_can_be_removed(deployed, emulator, on_failure, status):
    assert half_made(emulator, on_failure) == status
    assert f"Nothing is left of {STACK}" in deployed.done("remove")
    assert left(emulator) == []


def test_logs_are_the_collectors_unless_another_function_is_named(deployed, emulator):
    deployed.done("deploy")
    logs = emulator.client("logs")
    stream = {"logGroupName": f"/aws/lambda/{STACK}-collect", "logStreamName": "one"}
    logs.create_log_stream(**stream)
    event = {"timestamp": int(time.time() * 1000), "message": "an event came"}
    logs.put_log_events(**stream, logEvents=[event])
    assert "an event came" in deployed.done("logs")
    assert "an event came" in deployed.done("logs", "-f", "collect")
    unknown = deployed.refusal("logs", "--identifier", "demo", "-f", "transform")
    assert 'Function "transform" doesn\'t exist' in unknown


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({}, "eu-central-1"),
        ({"AWS_PROFILE": "other"}, "eu-north-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-3", "AWS_PROFILE": "other"}, "eu-west-3"),
    ],
)
def test_the_region_is_the_environments_or_else_the_profiles(
    node, tmp_path, machine, environ, region
):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        "[default]\nregion = eu-central-1\n[profile other]\nregion = eu-north-1\n"
    )
    assert f"for stage dev ({region})" in package_playlake(node, tmp_path, machine | environ)


def test_no_region_at_all_is_one_sentence(node, tmp_path, machine):
    assert "No region is named: give --region" in package_playlake(node, tmp_path, machine)


def package_playlake(node: str, folder: Path, environ: dict[str, str]) -> str:
    """What osls prints when it packages the repository's own serverless.yml."""
    for name in packaged.ZIPS:
        (folder / f"{name}.zip").touch()
    ran = subprocess.run(
        [node, OSLS, "package", "--identifier", "demo", "--package", folder / "package"],
        cwd=packaged.service(),
        env=environ | {"HOME": str(folder), "PLAYLAKE_ZIPS": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ran.stdout
