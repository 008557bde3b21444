"""Requests, fed to a collector behind a URL."""

import time

import httpx
import pytest

from events.errors import StreamUnavailable
from playlake.local import feed


def test_where_one_request_fails_those_that_wait_are_not_sent(monkeypatch):
    sent = []

    def post(_client, _url, request):
        sent.append(request)
        if request == 0:
            raise StreamUnavailable("no")
        time.sleep(0.3)

    monkeypatch.setattr(feed, "_greet", lambda *_: None)
    monkeypatch.setattr(feed, "_post", post)
    with pytest.raises(StreamUnavailable):
        feed.feed_url(iter(range(4 * feed.CONNECTIONS)), "http://collector.example")
    assert len(sent) <= 2 * feed.CONNECTIONS


def test_a_collector_that_takes_nothing_now_is_said_to_without_how_long_it_was_tried():
    refusing = httpx.MockTransport(lambda _request: httpx.Response(503))
    with (
        httpx.Client(transport=refusing) as client,
        pytest.raises(StreamUnavailable, match="answers 503: it takes no events now"),
    ):
        feed._greet(client, "http://collector.example/events")


def test_a_host_that_never_answers_has_not_broken_off():
    """Nothing was sent: it may be tried again."""

    def drop(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("timed out")

    with (
        httpx.Client(transport=httpx.MockTransport(drop)) as client,
        pytest.raises(StreamUnavailable, match="does not answer: timed out"),
    ):
        feed._greet(client, "http://collector.example/events")
