"""A proxy of faults before a service's stand-in: what a request meets is a value that is chosen."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from tests.http_double import Handler, HttpDouble

_HOP = {"connection", "content-length", "expect", "host", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    """With its query."""
    headers: dict[str, str]
    """Their names in small letters."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What it is answered."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None
    """How many bytes of the body are sent before the connection ends; None for all."""


Forward = Callable[[Request], Answer]
"""Asks the stand-in."""
Cause = Callable[[Request, Forward], Answer | None]
"""A fault: what becomes of a request. None is a connection that ends without a word."""


def hang_up(_request: Request, _forward: Forward) -> None:
    """Do nothing, say nothing."""


def lose_answer(request: Request, forward: Forward) -> None:
    """Do it, say nothing."""
    forward(request)


def cut_short(request: Request, forward: Forward) -> Answer:
    """Do it, and break off half way through the answer's body; without one it is whole."""
    whole = forward(request)
    return Answer(whole.status, whole.body, whole.headers, len(whole.body) // 2)


def ask_twice(request: Request, forward: Forward) -> Answer:
    """Do it as if somebody else had done the same a moment before."""
    forward(request)
    return forward(request)


def answer_late(seconds: float) -> Cause:
    """Do it, and say nothing for longer than anybody waits."""

    def late(request: Request, forward: Forward) -> None:
        forward(request)
        time.sleep(seconds)

    return late


def refuse_xml(status: int, code: str) -> Cause:
    """Do nothing, and answer an error as S3 writes it."""
    body = f"<Error><Code>{code}</Code><Message>told to</Message></Error>".encode()

    def refuse(request: Request, _forward: Forward) -> Answer:
        return Answer(status, b"" if request.method == "HEAD" else body)

    return refuse


def refuse_json(status: int, code: str) -> Cause:
    """Do nothing, and answer an error as Glue and Firehose write it."""
    body = f'{{"__type": "{code}", "message": "told to"}}'.encode()
    answer = Answer(status, body, {"x-amzn-errortype": code})
    return lambda _request, _forward: answer


Choose = Callable[[Request], Cause | None]
"""Which fault a request meets, if any. Asked by one thread at a time; of requests that are made at
once, which asks first is chance, so that a seed gives the same faults, but not each to the same."""


def spare(_request: Request) -> None:
    """No fault at all."""


class Faulty(HttpDouble):
    """A proxy before `target` at `url`; each request meets what `choose` says. `caused` counts."""

    def __init__(self, target: str) -> None:
        self.choose: Choose = spare
        self.caused = 0
        self._lock = threading.Lock()
        self._client = httpx.Client(base_url=target, timeout=60)
        super().__init__(_Handler)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._client.close()

    def answer_to(self, request: Request) -> Answer | None:
        """What a request comes to; None is a connection that ends."""
        with self._lock:
            cause = self.choose(request)
            self.caused += cause is not None
        return self._forward(request) if cause is None else cause(request, self._forward)

    def _forward(self, request: Request) -> Answer:
        headers = {name: value for name, value in request.headers.items() if name not in _HOP}
        # As it comes: an answer that httpx unpacked is no longer what its headers say.
        headers["accept-encoding"] = "identity"
        answer = self._client.request(
            request.method, request.path, headers=headers, content=request.body
        )
        kept = {name: value for name, value in answer.headers.items() if name not in _HOP}
        return Answer(answer.status_code, answer.content, kept)


class _Handler(Handler):
    def handle(self) -> None:
        with suppress(ConnectionError):  # its client was killed, or waits no longer
            super().handle()

    def serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.body())
        answer = self.double.answer_to(request)
        if answer is None or answer.sent is not None:
            self.close_connection = True
        if answer is not None:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.sent])
