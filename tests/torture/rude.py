"""Clients that behave badly: slow ones, ones that hang up, and what is no request at all.

None of them is ever answered 200; whatever they do, the server has to bear it.
"""

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.torture.beside import beside
from tests.torture.load import Unkept

_HEAD = (
    b"POST /events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n"
)
_EVENT = b'{"action": "rude", "event_id": "rude"}'
_ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends a reset, not an end."""


class Rude:
    """One client of each kind after the other, in a thread."""

    def __init__(self, port: int, seed: int) -> None:
        self.met = Counter[str]()
        self._port = port
        self._random = random.Random(seed)
        self._taken: list[bytes] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Be rude meanwhile. Raises Unkept at the end for an answer of 200."""
        with beside(self._run):
            yield
        if self._taken:
            raise Unkept(f"a request that is none was answered {self._taken[0]!r}")

    def _run(self, stop: threading.Event) -> None:
        kinds = (self._slow, self._hang_up, self._garbage, self._not_json, self._too_large)
        while not stop.wait(self._random.uniform(0.05, 0.3)):
            kind = self._random.choice(kinds)
            try:
                with socket.create_connection(("127.0.0.1", self._port), 2) as connection:
                    kind(connection)
            except OSError:
                continue  # hung up on, or nobody is there: a server was killed
            self.met[kind.__name__.strip("_")] += 1

    def _slow(self, connection: socket.socket) -> None:
        for byte in _HEAD[: self._random.randrange(10, 40)]:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    def _hang_up(self, connection: socket.socket) -> None:
        connection.sendall(_HEAD % len(_EVENT) + _EVENT[: self._random.randrange(len(_EVENT))])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)

    def _garbage(self, connection: socket.socket) -> None:
        self._answered(connection, self._random.randbytes(self._random.randrange(1, 20_000)))

    def _not_json(self, connection: socket.socket) -> None:
        body = self._random.randbytes(self._random.randrange(1, 1_000))
        self._answered(connection, _HEAD % len(body) + body)

    def _too_large(self, connection: socket.socket) -> None:
        self._answered(connection, _HEAD % 10**9 + b"[" * 10_000)

    def _answered(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1_000)
        if answer.startswith(b"HTTP/1.1 200"):
            self._taken.append(answer)
