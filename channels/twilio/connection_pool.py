"""A pool of HTTP/1.1 connections to one host, one request at a time on each.

It guarantees two things that no examined library guarantees: the caller learns whether the request may have been sent,
and a request is never repeated automatically. (libcurl repeats a POST when an idle connection turns out to be dead,
although the carrier may have read the first one.)
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
"""An idle connection is closed before the carrier would close it, perhaps during a request."""
LARGEST_BODY_BYTES = 16 * 1024 * 1024


class ConnectFailed(Exception):
    """No connection could be made: nothing of the request was sent."""


class NoResponse(Exception):
    """The request was sent, or may have been, and no complete response came."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response. `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ConnectionPool:
    """Opens at most `limit` connections; a caller that finds none free waits. For one event loop."""

    def __init__(
        self, base: SplitResult, *, limit: int, connect_timeout_seconds: float, response_timeout_seconds: float
    ) -> None:
        self._host = base.hostname or ""
        self._port = base.port or (443 if base.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if base.scheme == "https" else None
        self._connect_timeout_seconds = connect_timeout_seconds
        self._response_timeout_seconds = response_timeout_seconds
        self._free = asyncio.Semaphore(limit)
        self._idle: list[_Connection] = []  # the most recently used last

    async def exchange(self, request: bytes) -> HttpResponse:
        """The response to the request. Raises ConnectFailed or NoResponse.

        The timeouts cover connecting, and the response from when the request is sent. They do not cover the wait for a
        free connection.
        """
        async with self._free:
            connection = self._idle_connection() or await self._connect()
            response = await connection.exchange(request, timeout_seconds=self._response_timeout_seconds)
            if connection.is_open:
                self._idle.append(connection)
            return response

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _idle_connection(self) -> _Connection | None:
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
            raise ConnectFailed(type(error).__name__) from error
        return connection


class _Connection(asyncio.Protocol):
    """One connection; the parser calls the `on_…` methods."""

    def __init__(self) -> None:
        self.is_open = False
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._response: asyncio.Future[HttpResponse] | None = None

    async def exchange(self, request: bytes, *, timeout_seconds: float) -> HttpResponse:
        if self._transport is None or not self.is_open:
            raise ConnectFailed("the connection was closed")
        self._response = self._loop.create_future()
        self._parser = HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        timer = self._loop.call_later(timeout_seconds, self._fail, "TimeoutError")
        self._transport.write(request)
        try:
            return await self._response
        except BaseException:  # also when canceled: a late response must not be taken for that of the next request
            self.close()
            raise
        finally:
            timer.cancel()
            self._response = None

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
        if self._response is None or self._response.done():
            self.close()  # no request is open
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
            self._fail("ResponseTooLarge")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # an interim response: the final one follows
            self._headers = {}
            return
        if self._response is None or self._response.done() or not self._parser.should_keep_alive():
            self.close()
        self.idle_since = time.monotonic()
        if self._response is not None and not self._response.done():
            self._response.set_result(HttpResponse(status, self._headers, b"".join(self._body)))

    def _fail(self, why: str) -> None:
        """Close the connection; the caller that waits for a response gets NoResponse."""
        self.close()
        if self._response is not None and not self._response.done():
            self._response.set_exception(NoResponse(why))
