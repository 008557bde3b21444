"""Requests, fed to a collector behind a URL."""

import time

import pytest

from events.errors import StreamUnavailable
from playlake import feed


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
