"""The Firehose driver, by botocore's own client against a service that fails."""

from base64 import b64encode
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import SettingsError, StreamUnavailable
from ingest.drivers.firehose import CONFIG, MAX_BATCH_BYTES, FirehoseStream
from ingest.drivers.patience import Patience
from ingest.settings import open_stream
from tests.batch_double import (
    BROKEN,
    THROTTLED,
    UNAVAILABLE,
    FailRecords,
    Fault,
    Garble,
    LoseAnswer,
    Refuse,
)
from tests.batch_stream_suite import BatchStreamSuite, client_of
from tests.firehose_double import FirehoseDouble

FAULTS = st.one_of(
    st.builds(FailRecords, st.frozensets(st.integers(0, 5))),
    st.sampled_from([THROTTLED, UNAVAILABLE, BROKEN, LoseAnswer(), Garble()]),
    st.just(Refuse(400, "InvalidKMSResourceException")),
)


def body_bytes(records: list[bytes]) -> int:
    """The least that a call with these records takes."""
    return sum(len(b64encode(record)) + len('{"Data": ""}, ') for record in records)


class TestFirehoseStream(BatchStreamSuite):
    def running(self) -> FirehoseDouble:
        return FirehoseDouble(self.NAME)

    def open(self, double, patience, **timeouts) -> FirehoseStream:
        return FirehoseStream(self.NAME, client_of(double, "firehose", **timeouts), patience)

    def test_a_call_is_filled_up_to_4_mib_of_body_and_not_beyond(self, stream, double):
        records = [b"x" * 1_024_000] * 4
        stream.put(records)
        assert [len(call) for call in double.calls] == [3, 1]
        assert double.data == records

    def test_500_records_are_two_calls_when_base64_takes_them_over_4_mib(self, stream, double):
        records = [b"x" * 6_290] * 500  # 3.1 MB before base64
        stream.put(records)
        assert [len(call) for call in double.calls] == [499, 1]

    @settings(max_examples=25, deadline=None)
    @given(
        sizes=st.lists(st.sampled_from([0, 1, 5, 300_000, 700_000, 1_024_000]), max_size=10),
    )
    def test_whatever_the_sizes_no_call_is_over_a_limit_and_none_could_be_fuller(
        self, shared, sizes
    ):
        double, _, stream = shared
        double.clear()
        stream.put([b"x" * size for size in sizes])
        assert list(map(len, double.data)) == sizes
        for call, following in pairwise(double.calls):
            assert body_bytes([*call, following[0]]) + 128 > MAX_BATCH_BYTES

    def test_the_operator_is_told_how_much_was_not_taken_and_why(self, stream, double):
        double.faults.extend([FailRecords(frozenset({0, 2}))] * 20)
        with pytest.raises(StreamUnavailable) as raised:
            stream.put([b"0", b"1", b"2"])
        assert str(raised.value) == (
            "the delivery stream playlake-demo-dev in eu-west-1 did not take 1 of 3 records within"
            " 6 s: ServiceUnavailableException: Slow down. They can be put again; if it goes on,"
            " compare its ThrottledRecords with its quota."
        )

    @pytest.mark.parametrize(
        ("code", "remedy"),
        [
            ("AccessDeniedException", "Allow this role firehose:PutRecordBatch on it"),
            ("InvalidArgumentException", "Its source must be direct put"),
            ("InvalidKMSResourceException", "Enable the key"),
            ("InvalidSourceException", "decompression"),
            ("NewestException", "Look the code up in Firehose's API reference, under PutRecordB"),
        ],
    )
    def test_a_refusal_of_firehoses_own_says_what_to_do(self, stream, double, code, remedy):
        double.faults.append(Refuse(400, code, "because"))
        with pytest.raises(StreamUnavailable, match=remedy):
            stream.put([b"1"])
        assert len(double.calls) == 1

    def test_a_stream_that_does_not_exist_is_named_at_once(self, double, clock):
        elsewhere = FirehoseStream("demmo-dev", client_of(double, "firehose"), clock.patience())
        with pytest.raises(StreamUnavailable, match=r"demmo-dev .* not found.*Deploy the stack"):
            elsewhere.put([b"1"])
        assert clock.slept == []

    @settings(max_examples=100, deadline=None)
    @given(puts=st.lists(st.integers(0, 8), max_size=4), faults=st.lists(FAULTS, max_size=30))
    def test_what_is_acknowledged_was_taken_and_what_was_taken_was_put(
        self, shared, puts: list[int], faults: list[Fault]
    ):
        shared.check(puts, faults)


def test_waits_are_anywhere_between_nothing_and_the_bound():
    shares = iter([0.0, 0.5, 1.0])
    patience = Patience(random=lambda: next(shares))
    assert [patience.pause(3) for _ in range(3)] == [0.0, 0.4, 0.8]
    assert 0 <= Patience().pause(10_000) <= 1.0


def test_the_default_deadline_leaves_room_in_the_lambdas_ten_seconds():
    assert Patience().deadline_seconds <= 6
    assert 0 < CONFIG.connect_timeout + CONFIG.read_timeout < Patience().deadline_seconds


# The URL that names it


@pytest.mark.parametrize(
    "url",
    ["firehose://", "firehose:///x", "firehose://a/b", "firehose://a?b", "firehose://" + "a" * 65,
     "firehose://a@b", "firehose://a:1", "firehose://a#b"],
)  # fmt: skip
def test_a_url_that_names_no_delivery_stream_says_how_to(url):
    with pytest.raises(SettingsError, match="write firehose://name"):
        open_stream(url)


def test_a_region_that_is_missing_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"firehose://x .* region.*Set AWS_REGION"):
        open_stream("firehose://x")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert str(open_stream("firehose://x")).endswith(" x in eu-west-3")
