"""What the drivers do whose service takes batches (`ingest.drivers.batch_stream`).

Subclass BatchStreamSuite, with `running` and `open`, and with what its service alone does.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import pytest
from botocore.config import Config
from botocore.session import Session

from events.errors import StreamUnavailable
from ingest.drivers.batch_stream import CONFIG, BatchStream
from ingest.drivers.patience import Patience
from tests.batch_double import UNAVAILABLE, FailRecords, Fault, Garble, Hang, LoseAnswer, Refuse
from tests.stream_suite import Read, StreamSuite


class BatchDouble(Protocol):
    """A service: `calls` is what each call brought, `data` what it has taken, and `faults` what
    the next calls meet."""

    url: str
    calls: list[list[bytes]]
    faults: Any

    def __exit__(self, *_: object) -> None: ...

    @property
    def data(self) -> list[bytes]: ...

    def clear(self) -> None: ...


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def patience(self, share: Callable[[], float] = lambda: 1.0) -> Patience:
        """Waits that take no time, and are as long as they can be unless `share` says."""
        return Patience(clock=lambda: self.now, sleep=self.sleep, random=share)


def client_of(double: BatchDouble, service: str, **timeouts: float) -> Any:
    """botocore's own, by the drivers' configuration but for `timeouts`."""
    config = CONFIG.merge(Config(**timeouts))
    return Session().create_client(
        service, endpoint_url=double.url, region_name="eu-west-1", config=config
    )


class Shared(NamedTuple):
    """One server for a law's many examples."""

    double: Any
    clock: Clock
    stream: BatchStream

    def check(self, puts: Sequence[int], faults: Sequence[Fault]) -> None:
        """By puts of so many records, what is acknowledged was taken, and what was taken was
        put, whatever fails."""
        self.double.clear()
        self.double.faults.extend(faults)
        given = []
        for put, count in enumerate(puts):
            records = [b"%d-%d" % (put, each) for each in range(count)]
            given.extend(records)
            self._put(records)
        taken = self.double.data
        assert set(taken) <= set(given)
        lost_answers = sum(isinstance(fault, LoseAnswer | Garble) for fault in faults)
        assert all(taken.count(record) <= 1 + lost_answers for record in given)

    def _put(self, records: list[bytes]) -> None:
        began = self.clock.now
        try:
            self.stream.put(records)
        except StreamUnavailable:
            pass
        else:
            assert set(records) <= set(self.double.data)
        assert self.clock.now - began <= 3.0  # of 6, so that the last call could take its 3


class BatchStreamSuite(StreamSuite):
    """What a service may yet take is tried again, and only that, until a deadline."""

    NAME = "playlake-demo-dev"

    @pytest.fixture(autouse=True)
    def aws(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Credentials as Lambda has them."""
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")

    def running(self) -> AbstractContextManager[BatchDouble]:
        """The service, with a stream NAME."""
        raise NotImplementedError

    def open(self, double: BatchDouble, patience: Patience, **timeouts: float) -> BatchStream:
        """The driver's stream NAME on the double, in eu-west-1."""
        raise NotImplementedError

    @pytest.fixture
    def double(self) -> Iterator[BatchDouble]:
        with self.running() as double:
            yield double

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls) -> Iterator[Shared]:
        suite = cls()
        with suite.running() as double, pytest.MonkeyPatch.context() as environment:
            environment.setenv("AWS_ACCESS_KEY_ID", "test")
            environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
            clock = Clock()
            yield Shared(double, clock, suite.open(double, clock.patience(random.random)))

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def stream(self, double: BatchDouble, clock: Clock) -> BatchStream:
        return self.open(double, clock.patience())

    @pytest.fixture
    def read(self, double: BatchDouble) -> Read:
        return lambda: double.data

    def test_500_records_are_a_call_and_the_next_one_is_of_another(self, stream, double):
        records = [b"%d" % each for each in range(501)]
        stream.put(records)
        assert [len(call) for call in double.calls] == [500, 1]
        assert double.data == records

    def test_only_the_records_that_failed_inside_a_200_are_sent_again(self, stream, double):
        double.faults.extend([FailRecords(frozenset({1, 3})), FailRecords(frozenset({0}))])
        stream.put([b"0", b"1", b"2", b"3"])
        assert double.calls == [[b"0", b"1", b"2", b"3"], [b"1", b"3"], [b"1"]]
        assert sorted(double.data) == [b"0", b"1", b"2", b"3"]

    def test_what_failed_goes_before_what_was_not_sent_yet(self, stream, double):
        double.faults.append(FailRecords(frozenset({499})))
        stream.put([b"%d" % each for each in range(600)])
        assert double.calls[1] == [b"%d" % each for each in range(499, 600)]
        assert double.data == [b"%d" % each for each in range(600)]

    @pytest.mark.parametrize(
        "fault",
        [
            UNAVAILABLE,
            Refuse(400, "ThrottlingException", "Rate exceeded"),
            Refuse(400, "LimitExceededException"),
            Refuse(429, "TooManyRequests"),
            Refuse(500, "InternalFailure"),
            Refuse(502, "BadGateway"),
            FailRecords(frozenset({0}), "InternalFailure", "Internal service failure."),
        ],
        ids=lambda fault: f"{type(fault).__name__} {fault.code}",
    )
    def test_a_passing_fault_is_tried_again(self, stream, double, fault):
        double.faults.extend([fault, fault])
        stream.put([b"1"])
        assert len(double.calls) == 3
        assert double.data == [b"1"]

    @pytest.mark.parametrize("fault", [LoseAnswer(), Garble(), Garble(b"{}")])
    def test_records_whose_answer_was_lost_come_twice_rather_than_never(
        self, stream, double, fault
    ):
        double.faults.append(fault)
        stream.put([b"1", b"2"])
        assert double.data == [b"1", b"2", b"1", b"2"]

    def test_waits_double_up_to_a_bound_and_end_before_the_deadline_can_pass(
        self, stream, double, clock
    ):
        double.faults.extend([UNAVAILABLE] * 20)
        with pytest.raises(StreamUnavailable):
            stream.put([b"1"])
        # The last call began at 2.5 s: with 1 s to connect and 2 s to answer it is over at 5.5 s.
        assert clock.slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0])
        assert len(double.calls) == 6

    def test_a_service_that_hangs_is_given_up_before_the_deadline(self, double):
        double.faults.extend([Hang(5)] * 10)
        hanging = self.open(double, Patience(2.0), connect_timeout=1.0, read_timeout=0.3)
        began = time.monotonic()
        with pytest.raises(StreamUnavailable, match=r"did not take 1 of 1 records within 2 s"):
            hanging.put([b"1"])
        assert time.monotonic() - began < 2.0
        assert len(double.calls) >= 2

    def test_a_service_that_hangs_once_is_asked_again(self, double):
        double.faults.append(Hang(5))
        self.open(double, Patience(3), connect_timeout=0.2, read_timeout=0.3).put([b"1"])
        assert double.data == [b"1"]

    def test_a_service_that_is_not_there_is_unavailable_by_its_name(self, double, stream, clock):
        double.__exit__()
        with pytest.raises(StreamUnavailable, match=f"{self.NAME} in eu-west-1 .* Could not conn"):
            stream.put([b"1"])
        assert clock.slept

    @pytest.mark.parametrize(
        ("code", "remedy"),
        [
            ("AccessDeniedException", "Allow this role"),
            ("ResourceNotFoundException", "Deploy the stack"),
            ("UnrecognizedClientException", "Check the credentials"),
            ("ExpiredTokenException", "Check the credentials"),
            ("NewestException", "Look the code up"),
        ],
    )
    def test_a_permanent_fault_is_raised_at_once_with_its_remedy(
        self, stream, double, code, remedy
    ):
        double.faults.append(Refuse(400, code, "because"))
        with pytest.raises(StreamUnavailable, match=rf"{self.NAME}.*{code}.*because.*{remedy}"):
            stream.put([b"1"])
        assert len(double.calls) == 1
        assert double.data == []

    def test_missing_credentials_are_unavailable_and_not_tried_again(
        self, double, clock, monkeypatch
    ):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with pytest.raises(StreamUnavailable, match="credentials"):
            self.open(double, clock.patience()).put([b"1"])
        assert clock.slept == []
