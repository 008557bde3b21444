"""The catalog of a lake in S3: the port's contract on moto, and what Glue alone can do wrong."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from moto import mock_aws

from catalog.data_file import Partition, Reason
from catalog.drivers.glue import REMEMBERED_SECONDS, GlueCatalog
from events.errors import CatalogUnavailable
from events.layout import object_key
from events.registry import REGISTRY
from tests.catalog_suite import PLAYS, CatalogSuite
from tests.glue_double import (
    BUCKET,
    DATABASE,
    Answers,
    BucketLake,
    Clock,
    Throttling,
    calls,
    client,
    create_tables,
    days,
    errors,
    requests,
    table_input,
)


@pytest.fixture
def aws():
    with mock_aws():
        yield


@pytest.fixture
def glue(aws):
    """Glue with the tables as the deployment makes them."""
    glue = client("glue")
    create_tables(glue)
    return glue


@pytest.fixture
def lake(aws):
    return BucketLake(client("s3"))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def catalog(lake, glue, clock):
    return GlueCatalog(DATABASE, BUCKET, "lake", glue, lake.s3, clock, clock.sleep)


class TestGlueCatalog(CatalogSuite):
    @pytest.fixture
    def lake(self, aws):
        return BucketLake(client("s3"))

    @pytest.fixture
    def catalog(self, lake, glue, clock):
        return GlueCatalog(DATABASE, BUCKET, "lake", glue, lake.s3, clock, clock.sleep)


def test_a_partition_is_read_as_its_table_is(catalog, glue, lake):
    catalog.register([lake.write("2026-11-24")])
    (made,) = glue.get_partitions(DatabaseName=DATABASE, TableName=PLAYS)["Partitions"]
    table = glue.get_table(DatabaseName=DATABASE, Name=PLAYS)["Table"]["StorageDescriptor"]
    descriptor = made["StorageDescriptor"]
    assert descriptor.pop("Location") == f"s3://{BUCKET}/lake/{PLAYS}/dt=2026-11-24/"
    del table["Location"]
    assert descriptor == table


def test_what_is_known_is_not_asked_for_again(catalog, glue, lake):
    catalog.register([lake.write("2026-11-24")])
    count = calls(glue)
    catalog.register([lake.write("2026-11-24")])
    catalog.register([])
    catalog.register(["raw/dt=2026-11-24/x.gz"])
    assert count.total() == 0


def test_what_was_known_long_ago_is_asked_for_again(catalog, glue, lake, clock):
    key = lake.write("2026-11-24")
    catalog.register([key])
    glue.batch_delete_partition(
        DatabaseName=DATABASE, TableName=PLAYS, PartitionsToDelete=[{"Values": ["2026-11-24"]}]
    )
    clock.now += REMEMBERED_SECONDS + 1
    assert catalog.register([key]).partitions == (Partition(PLAYS, "2026-11-24"),)


def test_two_functions_that_register_one_day_at_once_both_succeed(catalog, glue, lake, clock):
    other = GlueCatalog(DATABASE, BUCKET, "lake", glue, lake.s3, clock, clock.sleep)
    key = lake.write("2026-11-24")
    assert catalog.register([key]).partitions == (Partition(PLAYS, "2026-11-24"),)
    assert other.register([key]) == catalog.register([key])
    assert clock.sleeps == []


def test_a_batch_that_is_refused_because_one_exists_registers_the_others(catalog, glue, lake):
    keys = [lake.write(dt) for dt in days(3)]
    exists = "AlreadyExistsException"
    Answers(glue, "BatchCreatePartition", exists, None, exists, None)
    registered = catalog.register(keys)
    assert [dt for _, dt in registered.partitions] == [days(3)[0], days(3)[2]]


@pytest.mark.parametrize("prefix", ["", "lake", "/a/b/"])
def test_keys_are_the_buckets_and_those_outside_of_the_lake_are_foreign(glue, lake, prefix):
    catalog = GlueCatalog(DATABASE, BUCKET, prefix, glue, lake.s3)
    inside = f"{prefix.strip('/')}/{object_key(PLAYS, '2026-11-24', '0')}".lstrip("/")
    outside = f"other/{object_key(PLAYS, '2026-11-23', '0')}"
    registered = catalog.register([inside, outside])
    assert registered.added == (inside,)
    assert [(each.key, each.reason) for each in registered.skipped] == [(outside, Reason.FOREIGN)]


@pytest.mark.parametrize("dt", ["2026-13-01", "2026-02-30", "0000-01-01"])
def test_a_day_that_is_none_is_foreign(catalog, lake, dt):
    (skipped,) = catalog.register([lake.write(dt)]).skipped
    assert skipped.reason is Reason.FOREIGN
    assert [each.reason for each in catalog.sync().skipped] == [Reason.FOREIGN]
    assert catalog.partitions(PLAYS) == ()


def test_a_hundred_partitions_are_made_by_a_call_and_twenty_five_dropped(catalog, glue, lake):
    created, deleted = (
        requests(glue, "BatchCreatePartition"),
        requests(glue, "BatchDeletePartition"),
    )
    keys = [lake.write(dt) for dt in days(230)]
    catalog.register(keys)
    assert [len(each["PartitionInputList"]) for each in created] == [100, 100, 30]
    for key in keys[:60]:
        lake.delete(key)
    assert len(catalog.sync().lost) == 60
    assert [len(each["PartitionsToDelete"]) for each in deleted] == [25, 25, 10]
    assert catalog.partitions(PLAYS) == tuple(days(230)[60:])


def test_entries_that_are_throttled_are_tried_again_alone(catalog, glue, lake, clock):
    created = requests(glue, "BatchCreatePartition")
    Answers(
        glue,
        "BatchCreatePartition",
        errors("ThrottlingException", *days(3)[1:]),
        errors("InternalServiceException", days(3)[2]),
    )
    registered = catalog.register([lake.write(dt) for dt in days(3)])
    asked = [[each["Values"][0] for each in one["PartitionInputList"]] for one in created]
    assert asked == [days(3), days(3)[1:], days(3)[2:]]
    assert [dt for _, dt in registered.partitions] == days(3)
    assert len(clock.sleeps) == 2


def test_entries_that_stay_throttled_are_raised_and_tried_by_the_next_delivery(catalog, glue, lake):
    dt = "2026-11-24"
    Answers(glue, "BatchCreatePartition", *[errors("ThrottlingException", dt)] * 6)
    key = lake.write(dt)
    with pytest.raises(
        CatalogUnavailable, match=f"make 1 partitions of {DATABASE}.{PLAYS}: Thrott"
    ):
        catalog.register([key])
    assert catalog.register([key]).partitions == (Partition(PLAYS, dt),)


def test_an_entry_that_can_never_succeed_is_raised_at_once(catalog, glue, lake, clock):
    Answers(
        glue, "BatchCreatePartition", errors("ResourceNumberLimitExceededException", "2026-11-24")
    )
    with pytest.raises(CatalogUnavailable, match="ResourceNumberLimitExceededException: told to"):
        catalog.register([lake.write("2026-11-24")])
    assert clock.sleeps == []


@pytest.mark.parametrize("operation", ["GetTable", "BatchCreatePartition"])
def test_a_throttled_call_is_tried_again_though_it_took_effect(catalog, glue, lake, operation):
    throttling = Throttling(glue, operation)
    catalog.register([lake.write("2026-11-24")])
    assert throttling.left < 0
    assert catalog.partitions(PLAYS) == ("2026-11-24",)


def test_every_page_of_partitions_is_read_without_their_columns(catalog, glue):
    def partition(dt: str) -> dict[str, object]:
        return {"Values": [dt], "StorageDescriptor": {"Location": f"s3://{BUCKET}/lake/plays/{dt}"}}

    asked = requests(glue, "GetPartitions")
    Answers(
        glue,
        "GetPartitions",
        {"Partitions": [partition("2026-11-24")], "NextToken": "more"},
        {"Partitions": [partition("2026-11-23")], "NextToken": "and more"},
        {"Partitions": []},
    )
    assert catalog.partitions(PLAYS) == ("2026-11-23", "2026-11-24")
    assert [each.get("NextToken") for each in asked] == [None, "more", "and more"]
    assert all(each["ExcludeColumnSchema"] for each in asked)


def test_sync_lists_days_not_objects(catalog, lake, glue):
    for _ in range(30):
        lake.write("2026-11-24")
    listed = calls(lake.s3)
    catalog.sync()
    assert listed == {"ListObjectsV2": len(REGISTRY.tables)}


def test_a_day_that_a_writer_registers_while_sync_lists_stays(catalog, lake, glue, clock):
    other = GlueCatalog(DATABASE, BUCKET, "lake", glue, lake.s3, clock, clock.sleep)

    def write(**_):
        # What a writer puts after this folder was listed: the next listing is another table's.
        other.register([lake.write("2026-11-24")])

    lake.s3.meta.events.register("after-call.s3.ListObjectsV2", write)
    assert catalog.sync().lost == ()
    assert catalog.partitions(PLAYS) == ("2026-11-24",)


def test_an_object_that_comes_between_listing_and_dropping_keeps_its_day(catalog, lake, glue):
    first = lake.write("2026-11-24")
    catalog.register([first])
    lake.delete(first)
    glue.meta.events.register(
        "before-call.glue.BatchDeletePartition", lambda **_: lake.write("2026-11-24") and None
    )
    assert catalog.sync().lost == ()
    assert catalog.partitions(PLAYS) == ("2026-11-24",)


def test_sync_lets_older_days_be_read_with_a_column_that_was_added_since(catalog, glue, lake):
    catalog.register([lake.write("2026-11-24"), lake.write("2026-11-24", table="custom_events")])
    more = [{"Name": "added", "Type": "bigint"}]
    glue.update_table(DatabaseName=DATABASE, TableInput=table_input(REGISTRY.table(PLAYS), more))
    assert catalog.sync().refreshed == (Partition(PLAYS, "2026-11-24"),)
    (partition,) = glue.get_partitions(DatabaseName=DATABASE, TableName=PLAYS)["Partitions"]
    assert partition["StorageDescriptor"]["Columns"][-1]["Name"] == "added"
    assert catalog.sync().refreshed == ()


def test_a_partition_that_vanishes_under_sync_is_no_error(catalog, glue, lake):
    first = lake.write("2026-11-24")
    catalog.register([first])
    lake.delete(first)
    Answers(glue, "BatchDeletePartition", errors("EntityNotFoundException", "2026-11-24"))
    assert catalog.sync().lost == (Partition(PLAYS, "2026-11-24"),)


def test_a_table_that_is_not_deployed_is_named_with_what_to_do(lake, glue):
    catalog = GlueCatalog("playlake_other_dev", BUCKET, "lake", glue, lake.s3)
    for ask in (
        lambda: catalog.register([lake.write("2026-11-24")]),
        lambda: catalog.partitions(PLAYS),
        catalog.sync,
    ):
        with pytest.raises(
            CatalogUnavailable, match=f"no table playlake_other_dev.{PLAYS}: deploy"
        ):
            ask()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("AccessDeniedException", "BatchCreatePartition is not allowed: told to"),
        ("ExpiredTokenException", "log in again"),
        ("UnrecognizedClientException", "does not know these credentials"),
    ],
)
def test_a_refusal_names_the_action_and_the_table(catalog, glue, lake, code, sentence):
    Answers(glue, "BatchCreatePartition", code)
    with pytest.raises(CatalogUnavailable) as raised:
        catalog.register([lake.write("2026-11-24")])
    assert f"Glue did not make partitions of {DATABASE}.{PLAYS}: " in str(raised.value)
    assert sentence in str(raised.value)


def test_a_bucket_that_is_not_there_is_named(glue, lake):
    with pytest.raises(CatalogUnavailable, match=f"cannot list s3://nowhere/lake/{PLAYS}/"):
        GlueCatalog(DATABASE, "nowhere", "lake", glue, lake.s3).sync()


def test_threads_that_register_one_day_make_it_once(catalog, lake):
    keys = [lake.write("2026-11-24") for _ in range(8)]
    with ThreadPoolExecutor(4) as threads:
        registered = list(threads.map(lambda key: catalog.register([key]), keys))
    assert sum(len(each.partitions) for each in registered) == 1
