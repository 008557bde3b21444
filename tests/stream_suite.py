"""What every driver of the stream port does: subclass it, with the two fixtures below."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest.stream import Stream

Read = Callable[[], list[bytes]]


class StreamSuite:
    """The stream port's contract (`ingest.stream.Stream`)."""

    @pytest.fixture
    def stream(self) -> Stream:
        """An empty stream of the driver under test."""
        raise NotImplementedError

    @pytest.fixture
    def read(self) -> Read:
        """What lies on that stream, in its order."""
        raise NotImplementedError

    def test_keeps_records_in_the_order_given(self, stream: Stream, read: Read):
        stream.put([b"1\n", b"2\n"])
        stream.put([b"3\n"])
        assert read() == [b"1\n", b"2\n", b"3\n"]

    def test_keeps_every_byte_of_a_record(self, stream: Stream, read: Read):
        records = [bytes(range(256)), '{"título": "\N{FILM PROJECTOR}"}\n'.encode(), b"\x00"]
        stream.put(records)
        assert read() == records

    def test_keeps_equal_records_apart(self, stream: Stream, read: Read):
        stream.put([b"same\n", b"same\n"])
        assert read() == [b"same\n", b"same\n"]

    def test_takes_no_records_as_done(self, stream: Stream, read: Read):
        stream.put([])
        assert read() == []

    def test_takes_a_record_of_the_largest_size(self, stream: Stream, read: Read):
        record = b"x" * stream.max_record_bytes
        stream.put([record])
        assert read() == [record]

    def test_refuses_a_larger_record_and_all_that_came_with_it(self, stream: Stream, read: Read):
        with pytest.raises(ValueError, match=str(stream.max_record_bytes)):
            stream.put([b"small", b"x" * (stream.max_record_bytes + 1)])
        assert read() == []

    def test_keeps_what_many_threads_put_at_once(self, stream: Stream, read: Read):
        puts = [[b"%d first\n" % each, b"%d second\n" % each] for each in range(50)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(stream.put, puts))
        records = read()
        assert sorted(records) == sorted(record for put in puts for record in put)
        assert all(records.index(first) < records.index(second) for first, second in puts)
