"""Requests, fed to a collector: one in this process or one behind a URL."""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import islice

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from events.errors import PlaylakeError, SettingsError, StreamUnavailable
from ingest.collector import EVENTS_PATH
from ingest.drivers.spool import Buffering
from ingest.request import Request
from playlake.local.delivery import DEFAULTS
from playlake.local.folder import DataFolder
from playlake.local.pipeline import LocalPipeline, PipelineSettings
from playlake.simulation import SimulatedRequest

REQUESTS_AT_ONCE = 1_000
"""So many share the spool's commits, and wait for them together."""
CONNECTIONS = 8
PATIENCE_SECONDS = 60
_ANSWERS = {200, 400, 413, 415}
"""What a collector answers to the simulator's requests, those to refuse included."""


def feed_folder(requests: Iterable[SimulatedRequest], folder: DataFolder) -> None:
    """Collect the requests into a data folder, deliver everything and make each event one row."""
    # Nobody waits for an answer about the first event: batches are cut by size alone.
    patient = replace(DEFAULTS, buffering=Buffering(max_age_ms=3_600_000))
    with LocalPipeline(folder, PipelineSettings(delivery=patient)) as pipeline:
        for some in _chunks(requests):
            stored = [pipeline.spool.submit(records) for records in _collected(pipeline, some)]
            for future in stored:
                future.result()
            while pipeline.delivery.deliver_due():
                pass
        pipeline.settle()


def _collected(
    pipeline: LocalPipeline, requests: Iterable[SimulatedRequest]
) -> Iterator[list[bytes]]:
    for request in requests:
        _, records = pipeline.collector.collect(_as_request(request))
        if records:
            yield records


def feed_url(requests: Iterable[SimulatedRequest], url: str) -> None:
    """Post the requests to the collector at `url`, a few at a time.

    Raises `events.errors.StreamUnavailable` when it does not answer for a minute, and
    `SettingsError` when there is no collector at `url`.
    """
    target = url.rstrip("/")
    target = target if target.endswith(EVENTS_PATH) else target + EVENTS_PATH
    with httpx.Client(timeout=30) as client, ThreadPoolExecutor(CONNECTIONS) as pool:
        _greet(client, target)
        under_way: set[Future[None]] = set()
        try:
            for request in requests:
                under_way.add(pool.submit(_post, client, target, request))
                if len(under_way) >= 4 * CONNECTIONS:
                    under_way = _raise_failures(under_way, all_of_them=False)
            _raise_failures(under_way, all_of_them=True)
        except BaseException:
            # Each that waits would be tried for a minute, before anybody hears of the failure.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _raise_failures(under_way: set[Future[None]], *, all_of_them: bool) -> set[Future[None]]:
    done, waiting = wait(under_way, return_when=FIRST_EXCEPTION if all_of_them else FIRST_COMPLETED)
    for future in done:
        future.result()
    return waiting


def _greet(client: httpx.Client, url: str) -> None:
    """Post no event at all: whether a collector is there is known at once, not after a minute."""
    _post_once(client, url, SimulatedRequest(b"[]", "application/json", None, None, 0))


def _post(client: httpx.Client, url: str, request: SimulatedRequest) -> None:
    # Only what was surely not taken in is sent again: some of these events have no id of their own.
    attempts = Retrying(
        retry=retry_if_exception_type(StreamUnavailable),
        wait=wait_random_exponential(0.1, max=5),
        stop=stop_after_delay(PATIENCE_SECONDS),
        reraise=True,
    )
    attempts(_post_once, client, url, request)


def _post_once(client: httpx.Client, url: str, request: SimulatedRequest) -> None:
    try:
        response = client.post(url, content=request.body, headers=_headers(request))
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise StreamUnavailable(f"{url} does not answer: {error}. Is it running?") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise SettingsError(f"{url!r} is no URL to post to: {error}") from error
    except httpx.HTTPError as error:
        # Whether it took them nobody knows, so they are not sent again.
        raise PlaylakeError(
            f"{url} broke off: {error}. What it had acknowledged is safe."
        ) from error
    if response.status_code in {429, 503}:
        raise StreamUnavailable(
            f"{url} answers {response.status_code}: it takes no events now. Its log says why."
        )
    if response.status_code not in _ANSWERS:
        raise SettingsError(f"{url} answered {response.status_code}; is a collector there?")


def _as_request(request: SimulatedRequest) -> Request:
    return Request("POST", EVENTS_PATH, _headers(request), request.body)


def _headers(request: SimulatedRequest) -> dict[str, str]:
    own = {"user-agent": request.user_agent, "referer": request.referer}
    return {"content-type": request.content_type} | {k: v for k, v in own.items() if v is not None}


def _chunks(requests: Iterable[SimulatedRequest]) -> Iterator[list[SimulatedRequest]]:
    """The requests, so many at a time."""
    iterator = iter(requests)
    while chunk := list(islice(iterator, REQUESTS_AT_ONCE)):
        yield chunk
