"""How consumers run: the image, the ECS service and the systemd unit, read as their tools would."""

import configparser
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.packaged import KINESIS, ROOT, packaged

FOLDER = ROOT / "deploy" / "consumer"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GRACE_SECONDS = 20
"""What an end takes at most (docs/kinesis.md)."""


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's (instruction, rest) in order, continued lines joined, comments left out."""
    text = re.sub(r"^#.*\n", "", (FOLDER / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def of(name: str) -> list[str]:
    """What follows each instruction of that name."""
    return [rest for instruction, rest in instructions() if instruction == name]


def copied() -> set[str]:
    """What comes into the image from the repository."""
    copies = [rest.split() for rest in of("COPY") if not rest.startswith("--from")]
    return {source for *sources, _ in copies for source in sources}


def unit() -> configparser.ConfigParser:
    """The systemd unit; its keys keep their capitals."""
    read = configparser.ConfigParser(interpolation=None)
    read.optionxform = str  # type: ignore[method-assign,assignment]
    read.read_string((FOLDER / "playlake-consume.service").read_text())
    return read


# --- the image ---


def test_everything_that_is_copied_is_there_and_sent_to_the_builder():
    sent = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    for source in copied():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in sent, source


def test_every_package_of_the_wheel_is_copied_and_what_its_metadata_names():
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {f"{each}/" for each in packages} < copied()
    named = {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]}
    assert named < copied()


def test_its_python_is_one_that_playlake_runs_on_in_both_stages():
    versions = {re.match(r"python:(\d+)\.(\d+)-slim-bookworm", each)[0] for each in of("FROM")}
    assert len(of("FROM")) == 2
    assert len(versions) == 1
    (major, minor) = map(int, re.search(r"(\d+)\.(\d+)", versions.pop()).groups())
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert (major, minor) >= (3, 11)
    assert f"Programming Language :: Python :: {major}.{minor}" in PROJECT["project"]["classifiers"]


def test_it_installs_an_extra_that_there_is_at_the_locked_versions_and_a_java():
    (install,) = [rest for rest in of("RUN") if "pip install" in rest]
    (extra,) = re.findall(r"\.\[([a-z,]+)\]", install)
    assert set(extra.split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    assert "--constraint versions.txt" in install
    assert any("openjdk-17-jre-headless" in rest for rest in of("RUN"))


def test_the_locks_without_their_hashes_pin_each_version():
    (strip,) = [rest for rest in of("RUN") if "versions.txt" in rest and "sed" in rest]
    ran = subprocess.run(
        shlex.split(strip.partition(">")[0]), cwd=ROOT, capture_output=True, text=True, check=True
    )
    pins = [line for line in ran.stdout.splitlines() if line and not line.startswith("#")]
    assert len(pins) > 50
    assert all(re.match(r"[a-z0-9._-]+==[^ ]+( ;.*)?$", pin.strip()) for pin in pins)
    for name in ("amazon-kclpy", "boto3", "pyarrow", "rich", "typer"):
        assert any(pin.startswith(f"{name}==") for pin in pins), name


def test_the_signal_reaches_the_command_which_runs_as_nobody_in_particular():
    (entry,) = of("ENTRYPOINT")
    program, command = json.loads(entry)  # the form without a shell
    assert program in PROJECT["project"]["scripts"]
    assert command == "consume"
    assert of("STOPSIGNAL") == ["SIGTERM"]
    assert of("CMD") == []
    (user,) = of("USER")
    assert int(user) > 0
    assert of("HEALTHCHECK") == ["NONE"]


# --- the ECS service ---


def service_text() -> str:
    return (FOLDER / "ecs.yml").read_text()


def test_cfn_lint_finds_nothing_in_the_service():
    lint = Path(sys.executable).with_name("cfn-lint")
    regions = ("us-east-1", "eu-west-1", "ap-southeast-2")
    ran = subprocess.run(
        [lint, "--regions", *regions, "--template", FOLDER / "ecs.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "")


def test_the_service_names_what_the_deployments_template_makes():
    template = packaged(*KINESIS)
    (stream,) = template.of("Kinesis::Stream").values()
    (database,) = template.of("Glue::Database").values()
    bucket = template.of("S3::Bucket")["Bucket"]["BucketName"]
    pseudo = {f"${{{name}}}": value for name, value in template.pseudo.items()}
    named = {"${Identifier}": "demo", "${Stage}": "dev"} | pseudo
    filled = service_text()
    for placeholder, value in named.items():
        filled = filled.replace(placeholder, value)
    assert f"- !Sub {stream['Name']}\n" in filled
    assert f"- !Sub s3://{bucket}/lake\n" in filled
    assert f"- !Sub glue://{database['DatabaseInput']['Name']}\n" in filled


def test_a_task_has_the_time_that_an_end_takes_and_the_policy_and_no_other_right():
    text = service_text()
    (stop,) = re.findall(r"StopTimeout: (\d+)", text)
    assert GRACE_SECONDS < int(stop) <= 120  # Fargate's most
    assert "ManagedPolicyArns: [!Ref ConsumerPolicyArn]" in text
    assert "PolicyName" not in text


# --- the systemd unit ---


def test_systemd_waits_as_long_as_an_end_takes_and_signals_the_command_alone():
    service = unit()["Service"]
    assert int(service["TimeoutStopSec"]) > GRACE_SECONDS
    assert service["KillMode"] == "mixed"
    assert service["Restart"] == "always"


def test_the_unit_and_the_service_run_the_same_command():
    words = shlex.split(unit()["Service"]["ExecStart"])
    assert words[0].endswith("/bin/playlake")
    assert words[1] == "consume"
    options = {word for word in words if word.startswith("--")}
    assert options == set(re.findall(r"^            - (--[a-z-]+)$", service_text(), re.MULTILINE))


def test_the_guide_explains_each_variable_of_the_unit():
    guide = (ROOT / "docs" / "kinesis.md").read_text()
    for variable in re.findall(r"\$\{(\w+)\}", unit()["Service"]["ExecStart"]):
        assert f"{variable}=" in guide, variable


# --- what the guide computes ---


@pytest.mark.parametrize("heading", ["With Firehose", "With Kinesis"])
def test_the_costs_add_up(heading):
    guide = (ROOT / "docs" / "kinesis.md").read_text()
    section = guide.partition(f"### {heading}\n")[2].partition("\n#")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    *terms, total = rows[2:]
    for column in (-3, -2, -1):
        cents = sum(round(float(row[column].replace(",", "")) * 100) for row in terms)
        assert f"{cents / 100:,.2f}" == total[column].strip("|* ")
