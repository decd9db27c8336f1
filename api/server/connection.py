"""One client connection: HTTP/1.1 on the event loop. A thread is used only while the application handles a request."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, cast

from gunicorn.config import Config
from gunicorn.http.errors import LimitRequestHeaders, ParseException
from gunicorn.http.message import Request

import logs
from api import problems
from api.problems import Problem
from api.server import responses
from api.server.limits import Limits
from api.server.loop_handler import LoopHandler, RecognizedRequest
from api.server.open_connections import OpenConnections
from api.server.request_bodies import BodyTooLarge, IncomingBody, SizedBody, incoming_body
from api.server.request_heads import END_OF_HEAD, expects_continue, read_head, status_of
from api.server.responses import ReceivedRequest, ResponseStream, SerializedResponse

_READ_AHEAD_BYTES = 65_536
"""How much is read of a client's next requests while the current one is served. Above this, reading is paused."""
_LINGER_SECONDS = 2.0
"""How long a connection stays open after its last response. Closing it while the client is still sending would reset
it, and the client would lose the response."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Submit = Callable[[ReceivedRequest, Callable[[SerializedResponse], None]], Callable[[], None]]

_log = logs.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class ConnectionContext:
    """What all connections of a process share."""

    config: Config
    limits: Limits
    connections: OpenConnections
    submit: Submit
    """Runs the application in a thread, then calls back on the event loop. Returns a function that withdraws the
    request, and frees its memory, if no thread has taken it yet."""
    loop_handler: LoopHandler | None = None
    """Serves some requests without a thread."""
    submit_next_part: Callable[[ResponseStream, Callable[[SerializedResponse], None]], None]
    """Produces the next part of a streamed response in a thread, then calls back on the event loop."""
    submit_declined: Submit
    """The same as `submit`, for requests that the loop handler recognized and did not take. They have few threads of
    their own, so that a flood of forged requests does not delay others."""


class _Phase(Enum):
    IDLE = auto()  # nothing of the next request has arrived
    HEAD = auto()
    BODY = auto()
    SERVED = auto()  # the application is handling the request
    SENDING = auto()  # part of the response is still buffered: the client reads it slowly
    ENDING = auto()  # the last response is sent; what still arrives is discarded
    ENDED = auto()


class Connection(asyncio.Protocol):
    """Reads a whole request, passes it to the application, sends the response, and then reads the next request."""

    def __init__(self, context: ConnectionContext) -> None:
        self._context = context
        self._transport = cast("asyncio.Transport", None)
        self._client: Any = None
        self._server: Any = None
        self._phase = _Phase.IDLE
        self._buffer = bytearray()
        self._searched_bytes = 0
        self._head = b""
        self._request: Request | None = None
        """None while the request is only recognized by the loop handler."""
        self._recognized: RecognizedRequest | None = None
        self._body: IncomingBody | None = None
        self._body_began_at = 0.0
        self._is_write_buffered = self._reading_paused = False
        self._is_last = self._client_ended = False
        self._withdraw: Callable[[], None] | None = None
        self._stream: ResponseStream | None = None
        """What follows of a streamed response, while no thread is producing it."""
        self.held_bytes = 0
        self.deadline = math.inf

    # Called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # So pause_writing() is called as soon as anything is buffered.
        self._transport.set_write_buffer_limits(high=0)
        self._client = transport.get_extra_info("peername")
        self._server = transport.get_extra_info("sockname")
        self._set_deadline(self._context.limits.header_seconds)
        self._context.connections.opened(self)
        if not self._client:  # it was closed before it was accepted
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's name)
        self._phase = _Phase.ENDED
        self._context.connections.closed(self)
        if self._withdraw is not None:
            self._withdraw()
        self._discard()

    def data_received(self, data: bytes) -> None:
        if self._phase in (_Phase.ENDING, _Phase.ENDED):
            return
        self._buffer += data
        self._update_held_bytes()
        if self._phase in (_Phase.IDLE, _Phase.HEAD, _Phase.BODY):
            self._read()
        elif len(self._buffer) > _READ_AHEAD_BYTES:
            self._transport.pause_reading()
            self._reading_paused = True

    def eof_received(self) -> bool:
        """Return whether to keep our side open: a client may close its side as soon as it has sent its request."""
        self._is_last = self._client_ended = True
        return self._phase in (_Phase.SERVED, _Phase.SENDING)

    def pause_writing(self) -> None:
        self._is_write_buffered = True

    def resume_writing(self) -> None:
        self._is_write_buffered = False
        if self._phase is _Phase.SENDING:
            self._sent()

    # Called by OpenConnections.

    def expire(self) -> str | None:
        match self._phase:
            case _Phase.HEAD:
                self._refuse(problems.TOO_SLOW, "The request's headers took too long to arrive.")
                return "the headers of a request took too long"
            case _Phase.BODY:
                self._refuse(problems.TOO_SLOW, "The request's body took too long to arrive.")
                return "the body of a request took too long"
            case _Phase.SENDING:
                self._transport.abort()
                return "a response was not read"
            case _Phase.ENDING:
                self._transport.abort()
            case _:
                self._transport.close()
        return None

    def drop(self) -> None:
        if self._phase in (_Phase.HEAD, _Phase.BODY):
            self._transport.write(
                responses.refusal(
                    problems.UNAVAILABLE, "The server is handling too many requests at the moment. Nothing was stored."
                )
            )
        previous, self._phase = self._phase, _Phase.ENDED
        self._discard()
        if previous in (_Phase.SENDING, _Phase.ENDING) or self._is_write_buffered:
            self._transport.abort()
        else:
            self._transport.close()

    def stop(self, deadline: float) -> None:
        if self._phase in (_Phase.IDLE, _Phase.HEAD):
            self.deadline = min(self.deadline, deadline)

    # Reading a request.

    def _read(self) -> None:
        try:
            if self._body is None and not self._read_head():
                return
            assert self._body is not None  # noqa: S101 - its head was read
            if self._body.take(self._buffer):
                self._serve(self._body)
            else:
                self._await_body(self._body)
        except BodyTooLarge:
            self._refuse(problems.TOO_LARGE, problems.TOO_LARGE.advice)
        except ParseException as error:
            status = status_of(error)
            _log.warning("malformed request refused", status=status, error=type(error).__name__, client=self._client[0])
            problem = problems.HEADERS_TOO_LARGE if status == 431 else problems.MALFORMED
            self._refuse(problem, problem.advice, status=status)

    def _read_head(self) -> bool:
        end = self._buffer.find(END_OF_HEAD, self._searched_bytes)
        size = len(self._buffer) if end < 0 else end + len(END_OF_HEAD)
        if size > self._context.limits.head_bytes:
            raise LimitRequestHeaders("the head is too large")
        if end < 0:
            self._searched_bytes = max(0, size - len(END_OF_HEAD) + 1)
            if self._phase is _Phase.IDLE:
                self._wait_in(_Phase.HEAD, self._context.limits.header_seconds)
            return False
        head = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._searched_bytes = 0
        handler = self._context.loop_handler
        if handler is not None and (recognized := handler.recognize(head)) is not None:
            self._head, self._recognized = head, recognized
            self._body = SizedBody(recognized.content_length)
        else:
            self._request = self._parse(head)
            self._body = incoming_body(self._request, largest=self._context.limits.largest_body(self._request))
        return True

    def _parse(self, head: bytes) -> Request:
        return read_head(head, config=self._context.config, client=self._client)

    def _await_body(self, body: IncomingBody) -> None:
        if self._phase is not _Phase.BODY:
            self._body_began_at = asyncio.get_running_loop().time()
            self._wait_in(_Phase.BODY, self._context.limits.body_seconds)
            if self._request is not None and expects_continue(self._request) and not body.received:
                self._transport.write(_CONTINUE)
        self.deadline = self._body_began_at + self._context.limits.transfer_seconds(body.received)
        self._update_held_bytes()

    def _serve(self, body: IncomingBody) -> None:
        self._phase, self.deadline = _Phase.SERVED, math.inf
        self._context.connections.set_served(self)
        self._update_held_bytes()
        content = body.content()
        if self._is_taken(content):
            return
        request, submit = self._request, self._context.submit
        if request is None:
            request, submit = self._parse(self._head), self._context.submit_declined
        received = ReceivedRequest(request=request, body=content, client=self._client, server=self._server)
        self._withdraw = submit(received, self._send)

    def _is_taken(self, content: bytes) -> bool:
        """Return whether the loop handler has taken the request. Its work is done even if the client disconnects."""
        handler, recognized = self._context.loop_handler, self._recognized
        return handler is not None and recognized is not None and handler.take(recognized, content, self._send)

    # Sending a response.

    def _send(self, response: SerializedResponse) -> None:
        self._stream = response.following
        if self._phase is not _Phase.SERVED:  # the client has disconnected
            self._discard()
            return
        if response.is_cut:  # the client must not take what it has for the whole
            self._transport.abort()
            return
        self._request = self._recognized = self._body = self._withdraw = None
        self._is_last = self._is_last or response.closes
        self._transport.write(response.data)
        if self._is_write_buffered:
            buffered = self._transport.get_write_buffer_size()
            self._wait_in(_Phase.SENDING, self._context.limits.transfer_seconds(buffered))
            self._update_held_bytes()
        else:
            self._sent()

    def _sent(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            self._phase, self.deadline = _Phase.SERVED, math.inf
            self._context.connections.set_served(self)
            self._update_held_bytes()
            self._context.submit_next_part(stream, self._send)
            return
        if self._is_last:
            self._end()
            return
        self._wait_in(_Phase.IDLE, self._context.config.keepalive)
        self._resume_reading()
        self._update_held_bytes()
        if self._buffer:
            self._read()

    def _refuse(self, problem: Problem, detail: str, *, status: int | None = None) -> None:
        self._transport.write(responses.refusal(problem, detail, status=status))
        self._end()

    def _end(self) -> None:
        """Send what is left, then close our side, and wait a moment for the client to close its own."""
        seconds = _LINGER_SECONDS
        if self._is_write_buffered:
            seconds += self._context.limits.transfer_seconds(self._transport.get_write_buffer_size())
        self._wait_in(_Phase.ENDING, seconds)
        self._discard()
        self._update_held_bytes()
        self._resume_reading()
        if self._client_ended:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()

    # Shared by the above.

    def _wait_in(self, phase: _Phase, seconds: float) -> None:
        self._phase = phase
        self._set_deadline(seconds)
        self._context.connections.set_waiting(self)

    def _set_deadline(self, seconds: float) -> None:
        self.deadline = asyncio.get_running_loop().time() + seconds

    def _update_held_bytes(self) -> None:
        size = len(self._buffer) + (self._body.received if self._body else 0)
        if self._is_write_buffered:
            size += self._transport.get_write_buffer_size()
        if size != self.held_bytes:
            self._context.connections.set_held_bytes(self, size)

    def _discard(self) -> None:
        self._request = self._recognized = self._body = None
        self._buffer.clear()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
