"""The Firehose driver, by botocore's own client against a service that fails."""

import time
from base64 import b64encode
from collections.abc import Iterator
from itertools import pairwise

import pytest
from botocore.config import Config
from botocore.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import SettingsError, StreamUnavailable
from ingest.drivers import firehose
from ingest.drivers.firehose import MAX_BATCH_BYTES, FirehoseStream, Patience
from ingest.settings import open_stream
from tests.firehose_double import (
    BROKEN,
    THROTTLED,
    UNAVAILABLE,
    FailRecords,
    Fault,
    FirehoseDouble,
    Garble,
    Hang,
    LoseAnswer,
    Refuse,
)
from tests.stream_suite import Read, StreamSuite

NAME = "playlake-demo-dev"


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def stream_of(double: FirehoseDouble, patience: Patience, name: str = NAME, **timeouts: float):
    """A stream on the double, by the driver's own configuration but for `timeouts`."""
    config = firehose.CONFIG.merge(Config(**timeouts))
    client = Session().create_client(
        "firehose", endpoint_url=double.url, region_name="eu-west-1", config=config
    )
    return FirehoseStream(name, client, patience)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials as Lambda has them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def double() -> Iterator[FirehoseDouble]:
    with FirehoseDouble() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stream(double: FirehoseDouble, clock: Clock) -> FirehoseStream:
    """One whose waits take no time, and are as long as they can be."""
    patience = Patience(clock=lambda: clock.now, sleep=clock.sleep, random=lambda: 1.0)
    return stream_of(double, patience)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FirehoseDouble, Clock, FirehoseStream]]:
    """One server for a law's many examples."""
    clock = Clock()
    patience = Patience(clock=lambda: clock.now, sleep=clock.sleep)
    with FirehoseDouble() as running, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield running, clock, stream_of(running, patience)


class TestFirehoseAsStream(StreamSuite):
    @pytest.fixture
    def stream(self, double: FirehoseDouble) -> FirehoseStream:
        return stream_of(double, Patience())

    @pytest.fixture
    def read(self, double: FirehoseDouble) -> Read:
        return lambda: double.data


# The service's limits, which the double holds to


def test_500_records_are_a_call_and_the_next_one_is_of_another(stream, double):
    records = [b"%d" % each for each in range(501)]
    stream.put(records)
    assert [len(call) for call in double.calls] == [500, 1]
    assert double.data == records


def test_a_call_is_filled_up_to_4_mib_of_body_and_not_beyond(stream, double):
    records = [b"x" * 1_024_000] * 4
    stream.put(records)
    assert [len(call) for call in double.calls] == [3, 1]
    assert double.data == records


def test_500_records_are_two_calls_when_base64_takes_them_over_4_mib(stream, double):
    records = [b"x" * 6_290] * 500  # 3.1 MB before base64
    stream.put(records)
    assert [len(call) for call in double.calls] == [499, 1]


def body_bytes(records: list[bytes]) -> int:
    """The least that a call with these records takes."""
    return sum(len(b64encode(record)) + len('{"Data": ""}, ') for record in records)


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([0, 1, 5, 300_000, 700_000, 1_024_000]), max_size=10),
)
def test_whatever_the_sizes_no_call_is_over_a_limit_and_none_could_be_fuller(shared, sizes):
    double, _, stream = shared
    double.clear()
    stream.put([b"x" * size for size in sizes])
    assert list(map(len, double.data)) == sizes
    for call, following in pairwise(double.calls):
        assert body_bytes([*call, following[0]]) + 128 > MAX_BATCH_BYTES


# What Firehose may yet take


def test_only_the_records_that_failed_inside_a_200_are_sent_again(stream, double):
    double.faults.extend([FailRecords(frozenset({1, 3})), FailRecords(frozenset({0}))])
    stream.put([b"0", b"1", b"2", b"3"])
    assert double.calls == [[b"0", b"1", b"2", b"3"], [b"1", b"3"], [b"1"]]
    assert sorted(double.data) == [b"0", b"1", b"2", b"3"]


def test_what_failed_goes_before_what_was_not_sent_yet(stream, double):
    double.faults.append(FailRecords(frozenset({499})))
    stream.put([b"%d" % each for each in range(600)])
    assert double.calls[1] == [b"%d" % each for each in range(499, 600)]
    assert double.data == [b"%d" % each for each in range(600)]


@pytest.mark.parametrize(
    "fault",
    [
        THROTTLED,
        UNAVAILABLE,
        BROKEN,
        Refuse(400, "LimitExceededException"),
        Refuse(502, "BadGateway"),
        Refuse(429, "TooManyRequests"),
        FailRecords(frozenset({0}), "InternalFailure", "Internal service failure."),
    ],
    ids=lambda fault: fault.code,
)
def test_a_passing_fault_is_tried_again(stream, double, fault):
    double.faults.extend([fault, fault])
    stream.put([b"1"])
    assert len(double.calls) == 3
    assert double.data == [b"1"]


@pytest.mark.parametrize("fault", [LoseAnswer(), Garble(), Garble(b'{"FailedPutCount": 0}')])
def test_records_whose_answer_was_lost_come_twice_rather_than_never(stream, double, fault):
    double.faults.append(fault)
    stream.put([b"1", b"2"])
    assert double.data == [b"1", b"2", b"1", b"2"]


def test_waits_double_up_to_a_bound_and_end_before_the_deadline_can_pass(stream, double, clock):
    double.faults.extend([UNAVAILABLE] * 20)
    with pytest.raises(StreamUnavailable):
        stream.put([b"1"])
    # The last call began at 2.5 s: with 1 s to connect and 2 s to answer it is over at 5.5 s.
    assert clock.slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0])
    assert len(double.calls) == 6


def test_waits_are_anywhere_between_nothing_and_the_bound():
    shares = iter([0.0, 0.5, 1.0])
    patience = Patience(random=lambda: next(shares))
    assert [patience.pause(3) for _ in range(3)] == [0.0, 0.4, 0.8]
    assert 0 <= Patience().pause(10_000) <= 1.0


def test_a_service_that_hangs_is_given_up_before_the_deadline(double):
    double.faults.extend([Hang(5)] * 10)
    hanging = stream_of(double, Patience(2.0), connect_timeout=1.0, read_timeout=0.3)
    began = time.monotonic()
    with pytest.raises(StreamUnavailable, match=r"did not take 1 of 1 records within 2 s"):
        hanging.put([b"1"])
    assert time.monotonic() - began < 2.0
    assert len(double.calls) >= 2


def test_a_service_that_hangs_once_is_asked_again(double):
    double.faults.append(Hang(5))
    stream_of(double, Patience(3), connect_timeout=0.2, read_timeout=0.3).put([b"1"])
    assert double.data == [b"1"]


def test_a_service_that_is_not_there_is_unavailable_by_its_name(double, clock):
    patience = Patience(clock=lambda: clock.now, sleep=clock.sleep)
    orphan = stream_of(double, patience)
    double.__exit__()
    with pytest.raises(StreamUnavailable, match=rf"{NAME} in eu-west-1 .* Could not connect"):
        orphan.put([b"1"])
    assert clock.slept


def test_the_operator_is_told_how_much_was_not_taken_and_why(stream, double):
    double.faults.extend([FailRecords(frozenset({0, 2}))] * 20)
    with pytest.raises(StreamUnavailable) as raised:
        stream.put([b"0", b"1", b"2"])
    assert str(raised.value) == (
        "the delivery stream playlake-demo-dev in eu-west-1 did not take 1 of 3 records within 6 s:"
        " ServiceUnavailableException: Slow down. They can be put again; if it goes on,"
        " compare its ThrottledRecords with its quota."
    )


def test_the_default_deadline_leaves_room_in_the_lambdas_ten_seconds():
    assert Patience().deadline_seconds <= 6
    config = firehose.CONFIG
    assert 0 < config.connect_timeout + config.read_timeout < Patience().deadline_seconds


# What it never will take


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("AccessDeniedException", "Allow this role firehose:PutRecordBatch"),
        ("InvalidArgumentException", "Its source must be direct put"),
        ("InvalidKMSResourceException", "Enable the key"),
        ("InvalidSourceException", "decompression"),
        ("UnrecognizedClientException", "Check the credentials"),
        ("ExpiredTokenException", "Check the credentials"),
        ("NewestException", "Look the code up"),
    ],
)
def test_a_permanent_fault_is_raised_at_once_with_its_remedy(stream, double, code, remedy):
    double.faults.append(Refuse(400, code, "because"))
    with pytest.raises(StreamUnavailable, match=rf"{NAME} in .*{code}.*because.*{remedy}"):
        stream.put([b"1"])
    assert len(double.calls) == 1
    assert double.data == []


def test_a_stream_that_does_not_exist_is_named_at_once(double, clock):
    patience = Patience(clock=lambda: clock.now, sleep=clock.sleep)
    elsewhere = stream_of(double, patience, "playlake-demmo-dev")
    with pytest.raises(StreamUnavailable, match=r"demmo-dev .* not found.*Deploy the stack"):
        elsewhere.put([b"1"])
    assert clock.slept == []


def test_missing_credentials_are_unavailable_and_not_tried_again(double, clock, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patience = Patience(clock=lambda: clock.now, sleep=clock.sleep)
    with pytest.raises(StreamUnavailable, match="credentials"):
        stream_of(double, patience).put([b"1"])
    assert clock.slept == []


# A law over all of it

FAULTS = st.one_of(
    st.builds(FailRecords, st.frozensets(st.integers(0, 5))),
    st.sampled_from([THROTTLED, UNAVAILABLE, BROKEN, LoseAnswer(), Garble()]),
    st.just(Refuse(400, "InvalidKMSResourceException")),
)


@settings(max_examples=100, deadline=None)
@given(
    puts=st.lists(st.integers(0, 8), max_size=4),
    faults=st.lists(FAULTS, max_size=30),
)
def test_what_is_acknowledged_was_taken_and_what_was_taken_was_put(
    shared: tuple[FirehoseDouble, Clock, FirehoseStream], puts: list[int], faults: list[Fault]
):
    double, clock, stream = shared
    double.clear()
    double.faults.extend(faults)
    given_ = []
    for put, count in enumerate(puts):
        records = [b"%d-%d" % (put, each) for each in range(count)]
        given_.extend(records)
        began = clock.now
        try:
            stream.put(records)
        except StreamUnavailable:
            pass
        else:
            assert set(records) <= set(double.data)
        assert clock.now - began <= 3.0  # of 6, so that the last call could take its 3
    assert set(double.data) <= set(given_)
    lost_answers = sum(isinstance(fault, LoseAnswer | Garble) for fault in faults)
    assert all(double.data.count(record) <= 1 + lost_answers for record in given_)


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
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"firehose://x .* region.*Set AWS_DEFAULT_REGION"):
        open_stream("firehose://x")
