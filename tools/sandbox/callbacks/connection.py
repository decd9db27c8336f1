"""The client side of one connection to a host that receives callbacks."""

from asyncio import BaseTransport, Protocol, Transport
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from httptools import HttpParserError, HttpResponseParser

Webhook = TypeVar("Webhook")
"""What is sent: a Callback, or an InboundWebhook."""


class CallbackConnection(Protocol, Generic[Webhook]):
    """Sends one callback at a time; calls `on_answer` with the HTTP status, or `on_lost` when the connection closes."""

    def __init__(
        self,
        *,
        on_answer: "Callable[[CallbackConnection[Webhook], Webhook, int], None]",
        on_lost: "Callable[[CallbackConnection[Webhook], Webhook | None], None]",
    ) -> None:
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._transport: Transport | None = None
        self._parser = HttpResponseParser(self)
        self._in_flight: Webhook | None = None
        self.sent_at = 0.0
        """When the callback in flight was sent, on the loop's clock."""
        self.is_reusable = True

    def send(self, callback: Webhook, request: bytes, *, now: float) -> None:
        """Send a callback. No other may be in flight."""
        self._in_flight = callback
        self.sent_at = now
        if self._transport is not None:
            self._transport.write(request)

    @property
    def is_busy(self) -> bool:
        return self._in_flight is not None

    def abort(self) -> None:
        """Abort the connection; this calls `on_lost`."""
        if self._transport is not None:
            self._transport.abort()

    # Called by the transport.

    def connection_made(self, transport: BaseTransport) -> None:
        self._transport = cast("Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's name)
        self.is_reusable = False
        self._transport = None
        callback, self._in_flight = self._in_flight, None
        self._on_lost(self, callback)
        del self._parser  # breaks the reference cycle with this object

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self.abort()

    # Called by the parser.

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        callback = self._in_flight
        if status < 200 or callback is None:
            return
        self._in_flight = None
        if not self._parser.should_keep_alive():
            self.is_reusable = False
            self.abort()
        self._on_answer(self, callback, status)
