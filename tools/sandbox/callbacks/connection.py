"""The client side of one connection to a host that is called back."""

from asyncio import BaseTransport, Protocol, Transport
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpResponseParser

from tools.sandbox.callbacks.callback import Callback

OnAnswer = Callable[["CallbackConnection", Callback, int], None]
OnLost = Callable[["CallbackConnection", Callback | None], None]


class CallbackConnection(Protocol):
    """Carries one callback at a time, and says what was answered or that the connection is gone."""

    def __init__(self, *, on_answer: OnAnswer, on_lost: OnLost) -> None:
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._transport: Transport | None = None
        self._parser = HttpResponseParser(self)
        self._carried: Callback | None = None
        self.carried_since = 0.0
        """When the callback under way was sent, on the loop's clock."""
        self.is_reusable = True

    def send(self, callback: Callback, request: bytes, *, now: float) -> None:
        """Send a callback; there must be none under way."""
        self._carried = callback
        self.carried_since = now
        if self._transport is not None:
            self._transport.write(request)

    @property
    def is_carrying(self) -> bool:
        return self._carried is not None

    def abort(self) -> None:
        """Cut the connection; `on_lost` hears of it."""
        if self._transport is not None:
            self._transport.abort()

    # What the transport calls.

    def connection_made(self, transport: BaseTransport) -> None:
        self._transport = cast("Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's name)
        self.is_reusable = False
        self._transport = None
        carried, self._carried = self._carried, None
        self._on_lost(self, carried)
        del self._parser  # it points back here

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self.abort()

    # What the parser calls.

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        carried = self._carried
        if status < 200 or carried is None:
            return
        self._carried = None
        if not self._parser.should_keep_alive():
            self.is_reusable = False
            self.abort()
        self._on_answer(self, carried, status)
