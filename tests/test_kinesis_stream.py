"""The Kinesis driver, by botocore's own client: against a service that fails, and against moto."""

import json
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from botocore.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import SettingsError, StreamUnavailable
from ingest.collector import Collector, serve
from ingest.drivers.kinesis import MAX_BATCH_BYTES, KinesisStream
from ingest.handler import collect
from ingest.request import Request
from ingest.settings import open_stream, wire
from tests.batch_double import UNAVAILABLE, FailRecords, Fault, Garble, LoseAnswer, Refuse
from tests.batch_stream_suite import BatchStreamSuite, client_of
from tests.kinesis_double import SHARDS, THROTTLED, KinesisDouble, throttle
from tests.lambda_context import CONTEXT
from tests.moto_server import moto

MIB = 1024 * 1024
KEY_BYTES = 32

FAULTS = st.one_of(
    st.builds(FailRecords, st.frozensets(st.integers(0, 5)), st.just(THROTTLED.code)),
    st.sampled_from([THROTTLED, UNAVAILABLE, LoseAnswer(), Garble()]),
    st.just(Refuse(400, "KMSDisabledException")),
)


def line(**fields: Any) -> bytes:
    return json.dumps({"type": "video_play", "video_id": "dawn"} | fields).encode() + b"\n"


class TestKinesisStream(BatchStreamSuite):
    def running(self) -> KinesisDouble:
        return KinesisDouble(self.NAME)

    def open(self, double, patience, **timeouts) -> KinesisStream:
        return KinesisStream(self.NAME, client_of(double, "kinesis", **timeouts), patience)

    # The service's limits, which the double holds to

    def test_a_record_and_its_key_are_a_mebibyte_at_most(self, stream, double):
        stream.put([line(play_id="p" * 300).ljust(stream.max_record_bytes)])
        assert [entry.size for entry in double.entries] == [MIB]

    def test_a_call_is_filled_up_to_5_mib_with_its_keys_and_not_beyond(self, stream, double):
        records = [b"x" * stream.max_record_bytes] * 6
        stream.put(records)
        assert [len(call) for call in double.calls] == [5, 1]
        assert double.data == records

    def test_keys_count_towards_a_calls_5_mib(self, stream, double):
        size = 5 * MIB // 500 - KEY_BYTES + 1
        stream.put([b"x" * size] * 500)
        assert [len(call) for call in double.calls] == [499, 1]

    @settings(max_examples=25, deadline=None)
    @given(sizes=st.lists(st.sampled_from([0, 1, 300_000, 700_000, MIB - KEY_BYTES]), max_size=12))
    def test_whatever_the_sizes_no_call_is_over_a_limit_and_none_could_be_fuller(
        self, shared, sizes
    ):
        double = shared.double
        double.clear()
        shared.stream.put([b"x" * size for size in sizes])
        assert list(map(len, double.data)) == sizes
        for call, following in pairwise(double.calls):
            together = [*call, following[0]]
            assert sum(len(each) + KEY_BYTES for each in together) > MAX_BATCH_BYTES

    # What Kinesis may yet take, and what it never will

    @pytest.mark.parametrize(
        "fault",
        [
            THROTTLED,
            Refuse(400, "KMSThrottlingException"),
            Refuse(500, "InternalFailureException"),
            throttle(0),
        ],
        ids=lambda fault: f"{type(fault).__name__} {fault.code}",
    )
    def test_a_fault_of_kinesis_own_that_passes_is_tried_again(self, stream, double, fault):
        double.faults.extend([fault, fault])
        stream.put([b"1"])
        assert len(double.calls) == 3
        assert double.data == [b"1"]

    def test_the_operator_is_told_how_much_was_not_taken_and_why(self, stream, double):
        double.faults.extend([throttle(0, 2)] * 20)
        with pytest.raises(StreamUnavailable) as raised:
            stream.put([b"0", b"1", b"2"])
        assert str(raised.value) == (
            "the Kinesis stream playlake-demo-dev in eu-west-1 did not take 1 of 3 records within"
            " 6 s: ProvisionedThroughputExceededException: Rate exceeded for shard"
            " shardId-000000000000 in stream playlake-demo-dev. They can be put again; if it goes"
            " on, look at its WriteProvisionedThroughputExceeded: an on-demand stream grows by"
            " itself within minutes, a provisioned one needs more shards."
        )

    @pytest.mark.parametrize(
        ("code", "remedy"),
        [
            ("AccessDeniedException", "Allow this role kinesis:PutRecords on it"),
            ("InvalidArgumentException", "Report a fault of playlake's"),
            ("KMSAccessDeniedException", "let this role use it: kms:GenerateDataKey"),
            ("KMSDisabledException", "Enable the key"),
            ("KMSInvalidStateException", "Check the state of the key"),
            ("KMSNotFoundException", "Restore the key"),
            ("KMSOptInRequired", "Subscribe this account to KMS"),
            ("NewestException", "Look the code up in Kinesis's API reference, under PutRecords"),
        ],
    )
    def test_a_refusal_of_kinesis_own_says_what_to_do(self, stream, double, code, remedy):
        double.faults.append(Refuse(400, code, "because"))
        with pytest.raises(StreamUnavailable, match=f"because.*{remedy}"):
            stream.put([b"1"])
        assert len(double.calls) == 1

    def test_a_stream_that_does_not_exist_is_named_at_once(self, double, clock):
        elsewhere = KinesisStream("demmo-dev", client_of(double, "kinesis"), clock.patience())
        with pytest.raises(StreamUnavailable, match=r"demmo-dev .* not found.*Deploy the stack"):
            elsewhere.put([b"1"])
        assert clock.slept == []

    @settings(max_examples=100, deadline=None)
    @given(puts=st.lists(st.integers(0, 8), max_size=4), faults=st.lists(FAULTS, max_size=30))
    def test_what_is_acknowledged_was_taken_and_what_was_taken_was_put(
        self, shared, puts: list[int], faults: list[Fault]
    ):
        shared.check(puts, faults)

    # Whose records share a shard

    def keys(self, stream: KinesisStream, double: KinesisDouble, *puts: list[bytes]) -> list[str]:
        """The key of each record of these puts."""
        double.clear()
        for records in puts:
            stream.put(records)
        assert all(len(entry.key) == KEY_BYTES for entry in double.entries)
        return [entry.key for entry in double.entries]

    def test_one_play_has_one_key_whoever_puts_it_and_when(self, stream, double, clock):
        first = self.keys(stream, double, [line(play_id="p", seq=0)])
        other = self.open(double, clock.patience())
        assert self.keys(other, double, [line(seq=1, viewer_id="v", play_id="p")]) == first
        assert self.keys(stream, double, [line(play_id="q")]) != first

    def test_a_play_keeps_its_key_over_releases(self, stream, double):
        # The records of a play may straddle a deployment.
        [key] = self.keys(stream, double, [line(play_id="p")])
        assert key == "db48a8ec3cface46e2c73ab8c9d02b2e"

    def test_the_records_of_one_put_share_the_key_of_its_first_play(self, stream, double):
        [play] = self.keys(stream, double, [line(play_id="p")])
        records = [line(viewer_id="v") + line(play_id="p"), line(play_id="q"), line()]
        assert self.keys(stream, double, records) == [play] * 3
        assert self.keys(stream, double, [line(viewer_id="v"), line(play_id="p")]) == [play] * 2

    @pytest.mark.parametrize("ids", [{"user_id": 404444}, {"viewer_id": "v"}], ids=str)
    def test_without_a_play_the_first_viewer_is_the_key(self, stream, double, ids):
        [viewer, *same] = self.keys(
            stream,
            double,
            [line(**ids)],
            [line() + line(**ids) + line(viewer_id="other")],
            [line(play_id=None, **ids), line(play_id="", viewer_id="other")],
        )
        assert same == [viewer] * 3

    def test_a_user_and_a_viewer_of_the_same_number_are_two(self, stream, double):
        user, viewer = self.keys(stream, double, [line(user_id=1)], [line(viewer_id="1")])
        assert user != viewer

    @pytest.mark.parametrize(
        "record",
        [
            pytest.param(line(), id="no ids"),
            pytest.param(line(play_id=None, user_id=None, viewer_id=""), id="null and empty ids"),
            pytest.param(b"\xff\n", id="no text"),
            pytest.param(b"1\n", id="no object"),
            pytest.param(b"", id="nothing"),
            pytest.param(b'{"a":' + b"[" * 9_999 + b"]" * 9_999 + b"}", id="too deep"),
        ],
    )
    def test_records_of_nobody_stay_together_and_each_put_goes_elsewhere(
        self, stream, double, record
    ):
        first, second, third = self.keys(stream, double, [record, record], [record])
        assert first == second != third

    def test_an_id_of_another_type_is_a_key_like_any(self, stream, double):
        first, second, third = self.keys(
            stream, double, [line(play_id=[1])], [line(play_id=[1], seq=1)], [line(play_id=[2])]
        )
        assert first == second != third

    def test_a_thousand_plays_spread_over_the_shards(self, stream, double):
        for number in range(1_000):
            stream.put([line(play_id=f"0193c1c2-7000-7abc-8def-{number:012}")])
        shards = [entry.shard for entry in double.entries]
        assert all(shards.count(shard) > 1_000 / SHARDS * 0.8 for shard in range(SHARDS))

    def test_a_key_of_nobody_comes_from_new_key(self, double, clock):
        client = client_of(double, "kinesis")
        stream = KinesisStream(self.NAME, client, clock.patience(), lambda: "0" * KEY_BYTES)
        assert self.keys(stream, double, [line(), line()]) == ["0" * KEY_BYTES] * 2

    def test_a_record_that_failed_keeps_its_key(self, stream, double):
        double.faults.append(throttle(0))
        stream.put([b"1", b"2"])
        assert double.data == [b"2", b"1"]
        assert double.entries[0].key == double.entries[1].key


# Over moto: the wire, and the records as a consumer reads them


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the emulator that the environment leads to, with a stream `plays` of 4 shards."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    wire.cache_clear()
    with moto() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", url)
        client = Session().create_client("kinesis")
        client.create_stream(StreamName="plays", ShardCount=4)
        yield client
    wire.cache_clear()


def shards_of(client: Any) -> list[list[dict[str, Any]]]:
    """The records of each shard of `plays`, in its order."""
    shards = client.list_shards(StreamName="plays")["Shards"]
    return [_records(client, shard["ShardId"]) for shard in shards]


def _records(client: Any, shard: str) -> list[dict[str, Any]]:
    iterator = client.get_shard_iterator(
        StreamName="plays", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records: list[dict[str, Any]] = client.get_records(ShardIterator=iterator)["Records"]
    return records


def test_each_play_is_on_one_shard_byte_for_byte_and_in_order(kinesis):
    stream = open_stream("kinesis://plays")
    names = [f"play-{number}" for number in range(12)]
    plays = {name: [line(play_id=name, seq=seq, title="título \0") for seq in range(10)]
             for name in names}  # fmt: skip
    for seq in range(0, 10, 2):
        for lines in plays.values():
            stream.put(lines[seq : seq + 2])
    shards = shards_of(kinesis)
    assert sum(map(bool, shards)) > 1
    for play, lines in plays.items():
        mine = [
            [each for each in shard if f'"{play}"'.encode() in each["Data"]] for shard in shards
        ]
        [shard] = filter(None, mine)
        assert [each["Data"] for each in shard] == lines
        assert len({each["PartitionKey"] for each in shard}) == 1


def test_moto_too_takes_the_largest_record_and_the_fullest_call(kinesis):
    stream = open_stream("kinesis://plays")
    records = [random.Random(n).randbytes(stream.max_record_bytes) for n in range(5)]
    stream.put(records)
    assert [each["Data"] for shard in shards_of(kinesis) for each in shard] == records


def test_the_collect_lambda_puts_a_request_as_one_record_of_its_play(kinesis, monkeypatch):
    monkeypatch.setenv("PLAYLAKE_STREAM", "kinesis://plays")
    event = {
        "version": "2.0",
        "rawPath": "/events",
        "headers": {"content-type": "application/json", "user-agent": "TV/1"},
        "requestContext": {"http": {"method": "POST"}, "stage": "$default"},
        "isBase64Encoded": False,
    }
    sent = [[{"play_id": "p", "seq": seq}, {"play_id": "p", "seq": seq + 1}] for seq in (0, 2)]
    for events in sent:
        answer = collect(event | {"body": json.dumps(events)}, CONTEXT)
        assert answer["body"] == '{"data":{"success":true,"accepted":2}}'
    [shard] = filter(None, shards_of(kinesis))
    assert len(shard) == 2
    kept = [json.loads(text) for each in shard for text in each["Data"].splitlines()]
    assert [event["seq"] for event in kept] == [0, 1, 2, 3]
    assert {event["user_agent"] for event in kept} == {"TV/1"}


def test_a_stream_that_is_gone_is_a_503(kinesis):
    stream = open_stream("kinesis://plays")
    kinesis.delete_stream(StreamName="plays")
    request = Request("POST", "/events", {}, b"{}")
    assert serve(request, Collector(stream.max_record_bytes), stream).status == 503


# The URL that names it


@pytest.mark.parametrize(
    "url",
    ["kinesis://", "kinesis:///x", "kinesis://a/b", "kinesis://a?b", "kinesis://" + "a" * 129,
     "kinesis://a@b", "kinesis://a:1", "kinesis://a#b"],
)  # fmt: skip
def test_a_url_that_names_no_stream_says_how_to(url):
    with pytest.raises(SettingsError, match=r"no Kinesis stream: write kinesis://name, .* 128"):
        open_stream(url)


def test_a_name_may_have_128_characters(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert open_stream("kinesis://" + "a" * 128).max_record_bytes == MIB - KEY_BYTES


def test_a_region_that_is_missing_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"kinesis://x .* region.*Set AWS_REGION"):
        open_stream("kinesis://x")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert str(open_stream("kinesis://x")).endswith(" x in eu-west-3")
