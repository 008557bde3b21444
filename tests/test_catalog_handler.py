"""The Lambda that registers what S3 says was created."""

import pytest

from catalog.data_file import Partition
from catalog.handler import catalog as handler
from catalog.notification import created_keys
from catalog.settings import Settings, open_catalog
from events.errors import SettingsError
from tests.catalog_suite import PLAYS, Lake
from tests.lambda_context import CONTEXT


def eventbridge(key: str, kind: str = "Object Created") -> dict[str, object]:
    """The event as the S3 user guide shows it ("EventBridge event message structure")."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2021-11-12T00:00:00Z",
        "region": "ca-central-1",
        "resources": ["arn:aws:s3:::lake"],
        "detail": {
            "version": "0",
            "bucket": {"name": "lake"},
            "object": {"key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184"},
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "reason": "PutObject",
        },
    }


def notification(*keys: str, name: str = "ObjectCreated:Put") -> dict[str, object]:
    """A bucket's own notification (S3 user guide, "Event message structure")."""
    records = [
        {
            "eventVersion": "2.2",
            "eventSource": "aws:s3",
            "eventName": name,
            "s3": {"bucket": {"name": "lake"}, "object": {"key": key, "size": 5}},
        }
        for key in keys
    ]
    return {"Records": records}


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        (eventbridge("a/dt=1/b c+d%20.parquet"), ["a/dt=1/b c+d%20.parquet"]),
        (notification("a/dt%3D1/b+c%2Bd.parquet", "e"), ["a/dt=1/b c+d.parquet", "e"]),
        (notification("a", name="ObjectCreated:CompleteMultipartUpload"), ["a"]),
        (eventbridge("a", "Object Deleted"), []),
        (notification("a", name="ObjectRemoved:Delete"), []),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "lake"}, []),
    ],
)
def test_the_keys_of_created_objects_are_read_as_they_are_in_the_bucket(event, keys):
    assert list(created_keys(event)) == keys


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PLAYLAKE_CATALOG", f"sqlite://{tmp_path}/the%20catalog.db")
    monkeypatch.setenv("PLAYLAKE_LAKE_URI", f"file://{tmp_path}/lake")
    yield Lake(tmp_path / "lake")
    open_catalog.cache_clear()


@pytest.fixture
def catalog(environment, tmp_path):
    settings = Settings(f"sqlite://{tmp_path}/the%20catalog.db", f"file://{tmp_path}/lake")
    with open_catalog(settings) as catalog:
        yield catalog


@pytest.mark.parametrize("event", [eventbridge, notification])
def test_a_created_object_is_registered_and_its_partition_known(environment, catalog, event):
    key = environment.write("2026-11-24")
    assert handler(event(key), CONTEXT) == {
        "added": [[PLAYS, "2026-11-24"]],
        "dropped": [],
        "skipped": [],
    }
    assert catalog.partitions(PLAYS) == ("2026-11-24",)
    assert [file.partition for file in catalog.files(PLAYS)] == [Partition(PLAYS, "2026-11-24")]


def test_an_event_that_is_delivered_twice_registers_once(environment, catalog):
    event = eventbridge(environment.write("2026-11-24"))
    handler(event, CONTEXT)
    assert handler(event, CONTEXT) == {"added": [], "dropped": [], "skipped": []}


def test_by_the_clock_it_finds_what_no_event_told_of(environment, catalog):
    environment.write("2026-11-24")
    scheduled = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
    assert handler(scheduled, CONTEXT)["added"] == [[PLAYS, "2026-11-24"]]
    environment.delete(catalog.files(PLAYS)[0].key)
    assert handler(scheduled, CONTEXT)["dropped"] == [[PLAYS, "2026-11-24"]]
    assert catalog.partitions(PLAYS) == ()


def test_an_object_that_is_no_data_file_is_said_to_be_skipped(environment, catalog):
    (skipped,) = handler(eventbridge("raw/2026/11/24/a.gz"), CONTEXT)["skipped"]
    assert (skipped["key"], skipped["reason"]) == ("raw/2026/11/24/a.gz", "foreign")


@pytest.mark.parametrize("name", ["PLAYLAKE_CATALOG", "PLAYLAKE_LAKE_URI"])
def test_a_setting_that_is_missing_is_named(name):
    given = {"PLAYLAKE_CATALOG": "sqlite:///c.db", "PLAYLAKE_LAKE_URI": "file:///lake"}
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        Settings.from_environment(given | {name: ""})


@pytest.mark.parametrize(
    ("catalog_url", "lake"),
    [
        ("postgres://x", "file:///lake"),
        ("sqlite:///c.db", "ftp://lake"),
        ("sqlite://relative.db", "file:///lake"),
        ("sqlite:///", "file:///lake"),
    ],
)
def test_a_setting_that_names_nothing_known_is_refused(catalog_url, lake):
    with pytest.raises(SettingsError, match=r"write "):
        open_catalog(Settings(catalog_url, lake))
