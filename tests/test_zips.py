"""The Lambda packages: what is in them, and that each runs with nothing else to import."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import boto3
import pytest

from deploy.packaging import archive, clean_room, pruning
from deploy.packaging.building import MOST_UNZIPPED, MOST_ZIPPED, build, contents, within_limits
from deploy.packaging.elf import AARCH64, Library
from deploy.packaging.errors import PackagingError
from deploy.packaging.function import MB, PACKAGES, Package, Target
from deploy.packaging.sources import sources

ROOT = Path(__file__).parents[1]
EVENTS = Path(__file__).parent / "events"
HOST = Target.parse("host", "host")
ARM = Target.parse("arm64", "3.13")
BY_NAME = {each.name: each for each in PACKAGES}
NAMES = tuple(BY_NAME)
HANDLERS = (
    ("collect", "collect"),
    ("transform", "transform"),
    ("transform", "compact"),
    ("catalog", "catalog"),
    ("page", "page"),
)

pytestmark = pytest.mark.skipif(
    not HOST.runs_here, reason="what Lambda runs is for Linux on arm64 or x86-64"
)

# What a function is given: settings, credentials that are nobody's, and no network.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "PLAYLAKE_STREAM": "firehose://playlake-demo-dev",
    "PLAYLAKE_CATALOG": "glue://playlake_demo_dev",
    "PLAYLAKE_LAKE_URI": "s3://playlake-demo-dev-123456789012-eu-central-1/lake",
    "POWERTOOLS_SERVICE_NAME": "playlake",
}
PREAMBLE = """
import json, socket

def refuse(*_):
    raise AssertionError("the network was asked for")

socket.socket.connect = socket.getaddrinfo = refuse

class Context:
    function_name = "playlake-demo-dev"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:playlake-demo-dev"
    aws_request_id = "52fdfc07-2182-454f-963f-5f0f9a621d72"
"""


class Unpacked:
    """The packages for this machine, built once, each unzipped beside its zip."""

    def __init__(self, folder: Path) -> None:
        self.zips = folder / "zips"
        self.built = {each.name: build(each, HOST, self.zips) for each in PACKAGES}
        for name in NAMES:
            archive.unzip(self.zip(name), folder / name)
        self.folder = folder

    def zip(self, name: str) -> Path:
        return self.zips / f"{name}.zip"

    def files(self, name: str) -> list[str]:
        with ZipFile(self.zip(name)) as opened:
            return opened.namelist()

    def run(self, name: str, code: str) -> str:
        return clean_room.run(sys.executable, self.folder / name, PREAMBLE + code, ENVIRONMENT)


@pytest.fixture(scope="module")
def host(tmp_path_factory) -> Unpacked:
    return Unpacked(tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="module")
def arm() -> dict[str, dict[str, bytes]]:
    """The contents of the packages as they are deployed: transform has the most libraries."""
    return {name: contents(BY_NAME[name], ARM) for name in ("collect", "transform")}


# What they do.


@pytest.mark.parametrize(("package", "handler"), HANDLERS)
def test_a_handler_is_imported_with_nothing_but_its_package(host, package, handler):
    entry = BY_NAME[package].handler

    said = host.run(package, f"from {entry} import {handler}\nprint({handler}.__name__)")

    assert said.split()[-1] == handler


def test_collect_refuses_what_is_no_json_without_asking_the_network(host):
    event = (EVENTS / "http_api_post.json").read_text(encoding="utf-8")

    said = host.run(
        "collect",
        f"""
from ingest.handler import collect
event = json.loads({event!r}) | {{"body": "no json", "isBase64Encoded": False}}
answer = collect(event, Context)
print(json.dumps(answer))
""",
    )

    assert '"statusCode": 400' in said.splitlines()[-1]


MEMORY_STORE = """
class Memory(dict):
    def put(self, key, data):
        self.setdefault(key, data)
    def get(self, key):
        return self[key]

"""


def test_transform_writes_parquet_and_compacts_it(host):
    event = (EVENTS / "firehose_put.json").read_text(encoding="utf-8")

    said = host.run(
        "transform",
        MEMORY_STORE
        + f"""
import base64, io
import pyarrow.parquet as pq
from events.layout import parse_key
from events.registry import REGISTRY
from transform.batch import deliver
from transform.compaction import compact
from transform.process import Processor

play = {{"video_id": "v", "user_id": 1, "started_at": 0, "ended_at": 5000, "user_agent":
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.5 Mobile/15E148 Safari/604.1", "received_at": 1764000000000}}
event = json.loads({event!r})
store = Memory()
for count in (2, 3):
    lines = [play | {{"event_id": f"e{{i}}", "logged_at": 1763999000 + i}} for i in range(count)]
    data = "".join(json.dumps(line) + "\\n" for line in lines).encode()
    record = event["records"][0] | {{"data": base64.b64encode(data).decode()}}
    deliver(event | {{"records": [record]}}, Processor(), store)
keys = sorted(key for key in store if "video_play_events" in key)
table = next(each for each in REGISTRY.tables if each.name == "video_play_events")
done = compact(store, table, parse_key(keys[0])[1], keys)
file = pq.ParquetFile(io.BytesIO(store[done.key]))
rows = file.read()
print(len(keys), len(rows), set(rows["device_type"].to_pylist()), sum(rows["duration"].to_pylist()))
print(file.metadata.row_group(0).column(0).compression)
""",
    )

    assert said.splitlines() == ["2 3 {'mobile'} 15000", "ZSTD"]


def test_catalog_passes_over_an_object_that_is_no_table_s(host):
    said = host.run(
        "catalog",
        """
from catalog.handler import catalog
key = "raw/dt=2026-11-24/playlake-demo-dev-1.gz"
event = {"detail-type": "Object Created", "detail": {"object": {"key": key}}}
print(json.dumps(catalog(event, Context)))
""",
    )

    assert '"added": []' in said.splitlines()[-1]


def test_page_answers_with_the_webapp(host):
    event = (EVENTS / "http_api_post.json").read_text(encoding="utf-8")

    said = host.run(
        "page",
        f"""
from playlake.handler import page
event = json.loads({event!r})
event["requestContext"]["http"] |= {{"method": "GET", "path": "/"}}
event |= {{"rawPath": "/", "body": "", "isBase64Encoded": False}}
answer = page(event, Context)
print(answer["statusCode"], answer["headers"]["content-type"], "<html" in answer["body"])
""",
    )

    assert said.splitlines()[-1] == "200 text/html; charset=utf-8 True"


REGIONS = ("eu-central-1", "us-east-1", "us-gov-west-1", "cn-north-1")


@pytest.mark.parametrize("name", NAMES)
def test_clients_find_the_endpoints_that_a_whole_botocore_finds(host, name):
    said = host.run(
        name,
        f"""
import boto3
for service in {pruning.SERVICES!r}:
    for region in {REGIONS!r}:
        print(boto3.client(service, region_name=region).meta.endpoint_url)
""",
    )

    assert said.splitlines() == [
        boto3.client(service, region_name=region).meta.endpoint_url
        for service in pruning.SERVICES
        for region in REGIONS
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_service_that_the_sources_make_a_client_of_is_in(name):
    texts = [file.read_bytes().decode("latin-1") for file in sources(BY_NAME[name]).values()]
    made = {service for text in texts for service in re.findall(r'\bclient\(\s*"([\w-]+)"', text)}

    assert made <= set(pruning.SERVICES)


# What is in them.


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_in_that_does_not_run(host, name):
    unwanted = re.compile(
        r"(^|/)(tests?|benchmarks|deploy|cli|simulation|__pycache__)/|\.(pyc|pyx|h|pyi)$"
        r"|^(tests|benchmarks|duckdb|sqlglot|typer|uvicorn|pip)\b|spool|duckdb"
    )

    assert [file for file in host.files(name) if unwanted.search(file)] == []


@pytest.mark.parametrize("name", ("collect", "catalog", "page"))
def test_pyarrow_is_in_the_transform_alone(host, name):
    assert [file for file in host.files(name) if file.startswith("pyarrow")] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_library_is_of_the_locked_version(host, name):
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^(\S+==[^\s;]+)", lock, re.MULTILINE))
    headers = [
        (host.folder / name / file).read_text(encoding="utf-8")
        for file in host.files(name)
        if file.endswith(".dist-info/METADATA")
    ]

    pins = {
        "{}=={}".format(
            *(re.search(rf"^{field}: (.+)$", header, re.MULTILINE)[1] for field in fields)
        )
        .lower()
        .replace("_", "-")
        for header in headers
        for fields in [("Name", "Version")]
    }

    assert pins
    assert pins <= locked


@pytest.mark.parametrize("name", NAMES)
def test_a_library_comes_with_its_licence(host, name):
    with_licence = {Path(file).parts[0] for file in host.files(name) if "licen" in file.lower()}

    assert {"boto3", "botocore"} <= {each.partition("-")[0] for each in with_licence}


def test_what_is_deployed_holds_libraries_of_its_machine_and_no_other(arm):
    machines = {
        name: {library.machine for data in files.values() if (library := Library.read(data))}
        for name, files in arm.items()
    }

    assert machines == {"collect": {AARCH64}, "transform": {AARCH64}}


def test_what_is_deployed_is_linked_to_what_is_in_it_or_to_the_system(arm):
    files = arm["transform"]
    there = {Path(name).name for name in files}
    needed = {each for data in files.values() if (of := Library.read(data)) for each in of.needed}

    missing = needed - there

    assert all(
        re.match(r"(lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)|ld-linux-aarch64)\.so", each)
        for each in missing
    ), missing


def test_the_deployed_transform_is_within_its_limits(arm):
    files = arm["transform"]

    within_limits(BY_NAME["transform"], sum(map(len, files.values())), len(archive.zipped(files)))


# How they are made.


@pytest.mark.parametrize("name", ("collect", "transform"))
def test_two_builds_are_the_same_bytes(host, name):
    again = archive.zipped(contents(BY_NAME[name], HOST))

    assert again == host.zip(name).read_bytes()


def test_a_zip_does_not_tell_when_and_by_whom_it_was_made():
    files = {"b.py": b"b", "a.so.1": b"a"}

    data = archive.zipped(files)

    entries = ZipFile(BytesIO(data)).infolist()
    assert [(each.filename, oct(each.external_attr >> 16)) for each in entries] == [
        ("a.so.1", "0o100755"),
        ("b.py", "0o100644"),
    ]
    assert {each.date_time for each in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert data == archive.zipped(dict(reversed(files.items())))


def test_what_is_made_of_the_same_is_not_made_again(host):
    before = host.zip("transform").stat()

    again = build(BY_NAME["transform"], HOST, host.zips)

    assert again == host.built["transform"]
    assert host.zip("transform").stat().st_mtime_ns == before.st_mtime_ns


def test_what_a_killed_build_or_a_hand_has_spoilt_is_made_again(host, tmp_path):
    for file in (host.zip("collect"), host.zips / ".collect.json"):
        shutil.copy(file, tmp_path)
    (tmp_path / "collect.zip").write_bytes(b"half")

    build(BY_NAME["collect"], HOST, tmp_path)

    assert (tmp_path / "collect.zip").read_bytes() == host.zip("collect").read_bytes()


def test_a_changed_source_makes_another_zip(host, tmp_path):
    for folder in ("events", "ingest"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tmp_path)
    changed = tmp_path / "ingest" / "cors.py"
    changed.write_text(changed.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    out = tmp_path / "zips"
    shutil.copytree(host.zips, out)

    built = build(BY_NAME["collect"], HOST, out, tmp_path)

    assert built.sha256 != host.built["collect"].sha256
    assert ZipFile(out / "collect.zip").read("ingest/cors.py").endswith(b"# changed\n")


@pytest.mark.parametrize(
    ("unzipped", "zipped", "said"),
    [
        (MOST_UNZIPPED + 1, 1, "unzipped"),
        (80 * MB + 1, 1, "80.0 MB"),
        (1, MOST_ZIPPED + 1, "50.0 MB"),
    ],
)
def test_a_package_that_is_too_large_is_refused(unzipped, zipped, said):
    with pytest.raises(PackagingError, match=said):
        within_limits(BY_NAME["transform"], unzipped, zipped)


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(PackagingError, match=r"ingest\.gone"):
        sources(Package("collect", "ingest.gone", ()))


# Shared libraries.


def arrow(name: str) -> Path:
    return Path(str(distribution("pyarrow").locate_file("pyarrow"))) / name


def test_a_library_is_cut_only_where_nothing_that_stays_needs_it(tmp_path):
    (tmp_path / "pyarrow").mkdir()
    (cut,) = arrow(".").glob("libarrow_dataset.so.*")
    (user,) = arrow(".").glob("_dataset.*.so")
    shutil.copy(cut, tmp_path / "pyarrow")
    shutil.copy(user, tmp_path / "stays.so")

    with pytest.raises(PackagingError, match=r"stays\.so needs \S+ of libarrow_dataset"):
        pruning.pruned(tmp_path)


def test_a_library_that_is_cut_short_is_refused():
    (whole,) = arrow(".").glob("libarrow_acero.so.*")
    data = whole.read_bytes()

    with pytest.raises(PackagingError, match="lacks those up to"):
        Library.read(data[: len(data) // 2])


# The command.


def zips(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.zips", *arguments],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_sizes_and_cold_imports(host):
    done = zips("--arch", "host", "--out", str(host.zips))

    assert done.returncode == 0, done.stderr
    for name, built in host.built.items():
        milliseconds = f"{built.cold_import * 1000:.0f}"
        (row,) = (line for line in done.stdout.splitlines() if f" {name} " in line)
        assert [f"{built.zipped / MB:.1f}", f"{built.unzipped / MB:.1f}", milliseconds] == (
            re.findall(r"[\d.]+(?= )", row)[:3]
        )
        assert built.sha256[:12] in row


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--arch", "riscv64"), "no Lambda runs on 'riscv64'"), (("everything",), "'everything'")],
)
def test_what_lambda_does_not_know_is_refused_in_a_sentence(arguments, said):
    done = zips(*arguments)

    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
