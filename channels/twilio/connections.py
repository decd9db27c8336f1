"""Kept HTTP/1.1 connections to one host, one request at a time on each.

What matters here, and in no library that was looked at: whoever asks learns for sure whether the request may have left,
and a request is never repeated by itself (libcurl repeats a POST when a kept connection turns out to be dead; the
carrier may have read the first one).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import SplitResult

from httptools import HttpParserError, HttpResponseParser

IDLE_SECONDS = 15.0
"""An idle connection is dropped before the carrier would drop it under a request."""
LARGEST_BODY_BYTES = 16 * 1024 * 1024


class Unreached(Exception):
    """No connection: nothing of the request left."""


class NoAnswer(Exception):
    """The request left, or may have, and no whole answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response. `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """A pool that opens at most `limit` connections; who finds none free waits. For one event loop."""

    def __init__(
        self, base: SplitResult, *, limit: int, connect_timeout_seconds: float, answer_timeout_seconds: float
    ) -> None:
        self._host = base.hostname or ""
        self._port = base.port or (443 if base.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if base.scheme == "https" else None
        self._connect_timeout_seconds = connect_timeout_seconds
        self._answer_timeout_seconds = answer_timeout_seconds
        self._free = asyncio.Semaphore(limit)
        self._idle: list[_Connection] = []  # the warmest last

    async def exchange(self, request: bytes) -> Answer:
        """The answer to the request. Raises Unreached or NoAnswer.

        Only what the carrier does is timed: the connecting, and the answering from the moment the request left.
        """
        async with self._free:
            connection = self._warm() or await self._connect()
            answer = await connection.exchange(request, timeout_seconds=self._answer_timeout_seconds)
            if connection.is_open:
                self._idle.append(connection)
            return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _warm(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and time.monotonic() - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        server_hostname = self._host if self._tls else None
        try:
            async with asyncio.timeout(self._connect_timeout_seconds):
                _, connection = await loop.create_connection(
                    _Connection, self._host, self._port, ssl=self._tls, server_hostname=server_hostname
                )
        except (OSError, TimeoutError) as error:  # refused, no route, no such name, TLS failed, too slow
            raise Unreached(type(error).__name__) from error
        return connection


class _Connection(asyncio.Protocol):
    """One connection; the parser calls the `on_…` methods."""

    def __init__(self) -> None:
        self.is_open = False
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[Answer] | None = None

    async def exchange(self, request: bytes, *, timeout_seconds: float) -> Answer:
        if self._transport is None or not self.is_open:
            raise Unreached("the connection was closed")
        self._answered = self._loop.create_future()
        self._parser = HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        timer = self._loop.call_later(timeout_seconds, self._fail, "TimeoutError")
        self._transport.write(request)
        try:
            return await self._answered
        except BaseException:  # also of a caller that gave up: the answer may still come, and is nobody else's
            self.close()
            raise
        finally:
            timer.cancel()
            self._answered = None

    def close(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("ConnectionClosed" if exc is None else type(exc).__name__)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        if self._answered is None or self._answered.done():
            self.close()  # nobody asked
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._fail(type(error).__name__)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > LARGEST_BODY_BYTES:
            self._fail("AnswerTooLarge")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # an interim answer: the real one follows
            self._headers = {}
            return
        if self._answered is None or self._answered.done() or not self._parser.should_keep_alive():
            self.close()
        self.idle_since = time.monotonic()
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(Answer(status, self._headers, b"".join(self._body)))

    def _fail(self, why: str) -> None:
        """The connection is of no use any more, and whoever waits for an answer gets none."""
        self.close()
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(NoAnswer(why))
