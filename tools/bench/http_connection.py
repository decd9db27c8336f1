"""The client side of one kept HTTP connection, as cheap as Python can be: some 20 µs a request."""

from __future__ import annotations

from asyncio import BaseTransport, Protocol, Transport
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpResponseParser

LOST = 0
"""Given in place of an HTTP status when the connection went before the answer came."""

OnAnswer = Callable[["HttpConnection", int], None]


class HttpConnection(Protocol):
    """Carries one request at a time; `on_answer` is told the HTTP status, or LOST, once for each."""

    def __init__(self, on_answer: OnAnswer) -> None:
        self._on_answer = on_answer
        self._transport: Transport | None = None
        self._parser = HttpResponseParser(self)
        self._carries = False

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes) -> None:
        """Send a whole request; there must be none under way, and the connection must be open."""
        assert self._transport is not None  # noqa: S101
        self._carries = True
        self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # What the transport calls.

    def connection_made(self, transport: BaseTransport) -> None:
        self._transport = cast("Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's name)
        self._transport = None
        if self._carries:
            self._carries = False
            self._on_answer(self, LOST)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self.close()

    # What the parser calls.

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if not self._carries or status < 200:
            return
        self._carries = False
        if not self._parser.should_keep_alive():
            self.close()
        self._on_answer(self, status)
