"""The server side of one connection: parses requests and answers them in order."""

from asyncio import AbstractEventLoop, BaseTransport, Protocol, Transport
from collections import deque
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from tools.sandbox.wire.refusals import BAD_REQUEST, HEADERS_TOO_LARGE, TARGET_TOO_LONG, TOO_LARGE
from tools.sandbox.wire.reply import Reply
from tools.sandbox.wire.request import Request

LARGEST_BODY_BYTES = 64 * 1024
LARGEST_TARGET_BYTES = 8 * 1024
LARGEST_HEADERS_BYTES = 32 * 1024

Handler = Callable[[Request], Reply]


class _RequestError(Exception):
    """The request is not valid; its connection is closed."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


class _PendingReply:
    """The position of a reply that waits for its delay or for the replies before it."""

    __slots__ = ("reply",)

    def __init__(self) -> None:
        self.reply: Reply | None = None


class ServerProtocol(Protocol):
    """Reads requests from one connection, passes each to the handler, and writes the replies.

    Requests may be pipelined (RFC 9112, 9.3.2): those read together are answered with one write. Replies keep their
    order, so a delayed reply delays the later ones of its connection.
    """

    def __init__(self, handle: Handler, *, loop: AbstractEventLoop, open_connections: set[Protocol]) -> None:
        self._handle = handle
        self._loop = loop
        self._open_connections = open_connections
        self._transport: Transport | None = None
        self._parser: HttpRequestParser | None = None
        self._out: list[bytes] = []
        self._pending: deque[_PendingReply] = deque()
        self._ignores_input = False
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._authorization = b""
        self._body = b""
        self._headers_bytes = 0

    # Called by the transport.

    def connection_made(self, transport: BaseTransport) -> None:
        self._transport = cast("Transport", transport)
        self._parser = HttpRequestParser(self)
        self._open_connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's name)
        self._open_connections.discard(self)
        self._ignores_input = True
        self._transport = self._parser = None  # breaks reference cycles with this object
        self._pending.clear()

    def data_received(self, data: bytes) -> None:
        if self._ignores_input or self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._answer(Reply(closes=True))
        except HttpParserError as error:
            cause = error.__context__
            self._answer(cause.reply if isinstance(cause, _RequestError) else BAD_REQUEST)
        self._flush()

    def pause_writing(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    # Called by the parser.

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._target += url
        if len(self._target) > LARGEST_TARGET_BYTES:
            raise _RequestError(TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers_bytes += len(name) + len(value)
        if self._headers_bytes > LARGEST_HEADERS_BYTES:
            raise _RequestError(HEADERS_TOO_LARGE)
        size = len(name)
        if size == 13 and name.lower() == b"authorization":
            self._authorization = value
        elif size == 14 and name.lower() == b"content-length" and int(value) > LARGEST_BODY_BYTES:
            raise _RequestError(TOO_LARGE)
        elif size == 6 and name.lower() == b"expect" and value.lower() == b"100-continue":
            self._out.append(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body = self._body + body if self._body else body
        if len(self._body) > LARGEST_BODY_BYTES:
            raise _RequestError(TOO_LARGE)

    def on_message_complete(self) -> None:
        if self._ignores_input or self._parser is None:
            return
        method = self._parser.get_method()
        request = Request(method=method, target=self._target, authorization=self._authorization, body=self._body)
        reply = self._handle(request)
        if method == b"HEAD" or not self._parser.should_keep_alive():
            reply = Reply(reply.payload, reply.delay_seconds, closes=True, hangs=reply.hangs)
        self._answer(reply)

    # Answering.

    def _answer(self, reply: Reply) -> None:
        """Write a reply now, or queue it if it or one before it has to wait."""
        if reply.closes or reply.hangs:
            self._ignores_input = True
        if not self._pending and not reply.delay_seconds:
            self._write(reply)
            return
        pending = _PendingReply()
        self._pending.append(pending)
        if reply.delay_seconds:
            self._loop.call_later(reply.delay_seconds, self._on_delay_over, pending, reply)
        else:
            pending.reply = reply

    def _on_delay_over(self, pending: _PendingReply, reply: Reply) -> None:
        pending.reply = reply
        while self._pending and (ready := self._pending[0].reply) is not None:
            self._pending.popleft()
            self._write(ready)
        self._flush()

    def _write(self, reply: Reply) -> None:
        if reply.hangs:
            return
        self._out.append(reply.payload)
        if reply.closes:
            self._flush()
            if self._transport is not None:
                self._transport.close()

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out) if len(self._out) > 1 else self._out[0])
        self._out.clear()
