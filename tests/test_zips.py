"""The Lambda packages: what is in them, and that each runs with nothing else to import."""

import os
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from deploy.packaging import archive, pruning
from deploy.packaging.building import build, contents
from deploy.packaging.function import MB
from deploy.packaging.sources import sources
from tests.packages import BY_NAME, EVENTS, HOST, NAMES, ROOT, Unpacked, project_copy

HANDLERS = (
    ("collect", "collect"),
    ("transform", "transform"),
    ("compact", "compact"),
    ("catalog", "catalog"),
    ("page", "page"),
)

pytestmark = pytest.mark.skipif(
    not HOST.runs_here, reason="what Lambda runs is for Linux on arm64 or x86-64"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return project_copy(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def host(root, tmp_path_factory) -> Unpacked:
    return Unpacked(root, tmp_path_factory.mktemp("host"))


# What they do.


@pytest.mark.parametrize(("package", "handler"), HANDLERS)
def test_a_handler_is_imported_with_nothing_but_its_package(host, package, handler):
    entry = BY_NAME[package].handler

    said = host.run(package, f"from {entry} import {handler}\nprint({handler}.__name__)")

    assert said.split()[-1] == handler


@pytest.mark.parametrize(("package", "handler"), HANDLERS)
def test_a_cold_start_compiles_nothing(host, package, handler):
    forbidden = """
from importlib.machinery import SourceFileLoader

def compiled(loader, data, path, **_):
    raise AssertionError(f"{path} is compiled when it is imported")

SourceFileLoader.source_to_code = compiled
"""
    entry = BY_NAME[package].handler

    said = host.run(package, f"{forbidden}import {entry}\nprint('imported')")

    assert said == "imported\n"
    assert host.built[package].bytecode


def test_a_handler_is_imported_where_not_all_is_as_in_lambda(host):
    said = host.run("collect", "import ingest.handler\nprint('imported')", LAMBDA_TASK_ROOT="")

    assert said == "imported\n"


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


def test_transform_writes_parquet(host):
    event = (EVENTS / "firehose_put.json").read_text(encoding="utf-8")

    said = host.run(
        "transform",
        MEMORY_STORE
        + f"""
import base64, io
import pyarrow.parquet as pq
from transform.batch import deliver
from transform.process import Processor

play = {{"video_id": "v", "user_id": 1, "started_at": 0, "ended_at": 5000, "user_agent":
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.5 Mobile/15E148 Safari/604.1", "received_at": 1764000000000}}
event = json.loads({event!r})
store = Memory()
lines = [play | {{"event_id": f"e{{i}}", "logged_at": 1763999000 + i}} for i in range(3)]
data = "".join(json.dumps(line) + "\\n" for line in lines).encode()
record = event["records"][0] | {{"data": base64.b64encode(data).decode()}}
deliver(event | {{"records": [record]}}, Processor(), store)
(key,) = (key for key in store if "video_play_events" in key)
file = pq.ParquetFile(io.BytesIO(store[key]))
rows = file.read()
print(len(rows), set(rows["device_type"].to_pylist()), sum(rows["duration"].to_pylist()))
print(file.metadata.row_group(0).column(0).compression)
""",
    )

    assert said.splitlines() == ["3 {'mobile'} 15000", "ZSTD"]


def test_compact_makes_large_files_of_small_ones(host):
    said = host.run(
        "compact",
        MEMORY_STORE
        + """
import io
import pyarrow as pa
import pyarrow.parquet as pq
from events.arrow import schema
from events.layout import object_key
from events.registry import REGISTRY
from transform.mending.compaction import Compactor
from transform.parquet import encode

table = REGISTRY.table("video_play_events")
store, many = Memory(), 10_000
for name, first in (("0", 0), ("1", many - 1)):
    rows = [{"event_id": f"e{i}", "video_id": f"v{i % 7}"} for i in range(first, first + many)]
    rows = pa.Table.from_pylist(rows, schema=schema(table)).sort_by("video_id")
    store.put(object_key(table.name, "2026-11-24", name), encode(rows))
built = Compactor(store).build(table, "2026-11-24", list(store))
file = pq.ParquetFile(io.BytesIO(built.data))
videos = file.read(["video_id"])["video_id"].to_pylist()
print(built.done.rows, built.done.duplicates, videos == sorted(videos))
""",
    )

    assert said == "19999 1 True\n"


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
from playlake.web.handler import page
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
        r"(^|/)(tests?|benchmarks|deploy|cli|simulation)/|\.(pyx|h|pyi)$"
        r"|^(tests|benchmarks|duckdb|sqlglot|typer|uvicorn|pip)\b|/spool|duckdb"
    )

    assert [file for file in host.files(name) if unwanted.search(file)] == []


@pytest.mark.parametrize("name", ["collect", "catalog", "page"])
def test_pyarrow_is_in_the_transform_alone(host, name):
    assert [file for file in host.files(name) if file.startswith("pyarrow")] == []


def field(metadata: str, name: str) -> str:
    return re.search(rf"^{name}: (.+)$", metadata, re.MULTILINE)[1].lower().replace("_", "-")


@pytest.mark.parametrize("name", NAMES)
def test_every_library_is_of_the_locked_version(host, name):
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^(\S+==[^\s;]+)", lock, re.MULTILINE))
    headers = [
        (host.folder / name / file).read_text(encoding="utf-8")
        for file in host.files(name)
        if file.endswith(".dist-info/METADATA")
    ]

    pins = {f"{field(header, 'Name')}=={field(header, 'Version')}" for header in headers}

    assert pins
    assert pins <= locked


@pytest.mark.parametrize("name", NAMES)
def test_a_library_comes_with_its_licence(host, name):
    with_licence = {Path(file).parts[0] for file in host.files(name) if "licen" in file.lower()}

    assert {"boto3", "botocore"} <= {each.partition("-")[0] for each in with_licence}


@pytest.mark.parametrize("name", ["collect", "transform"])
def test_two_builds_are_the_same_bytes(host, root, name):
    again = archive.zipped(contents(BY_NAME[name], HOST, root))

    assert again == host.zip(name).read_bytes()


def test_what_is_made_of_the_same_is_not_made_again(host, root):
    before = host.zip("transform").stat()

    again = build(BY_NAME["transform"], HOST, host.zips, root)

    assert again == host.built["transform"]
    assert host.zip("transform").stat().st_mtime_ns == before.st_mtime_ns


# The command.


def zips(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.zips", *arguments],
        cwd=root,
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_sizes_and_cold_imports(host, root):
    done = zips(root, "--arch", "host", "--out", str(host.zips))

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
def test_what_lambda_does_not_know_is_refused_in_a_sentence(root, arguments, said):
    done = zips(root, *arguments)

    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
