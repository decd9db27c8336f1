"""One client's connection: HTTP/1.1 without a thread, but for the time that the application has a request in hand."""

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
from api.server.connections import Connections
from api.server.limits import Limits
from api.server.request_bodies import BodyTooLarge, IncomingBody, incoming_body
from api.server.request_heads import END_OF_HEAD, expects_continue, read_head, status_of
from api.server.responses import ReadRequest, SerializedResponse

_READ_AHEAD_BYTES = 65_536
"""Of requests that a client sends before the present one is answered. Then nothing more is read from it."""
_LINGER_SECONDS = 2.0
"""A client may still be sending when we end the connection: closing at once would reset it, and lose our answer."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_log = logs.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class ConnectionContext:
    """What all connections of a process share."""

    config: Config
    limits: Limits
    connections: Connections
    submit: Callable[[ReadRequest, Callable[[SerializedResponse], None]], Callable[[], None]]
    """Run the application in a thread, then call back on the event loop. What it returns withdraws the request, and
    frees its memory, if no thread has taken it yet."""


class _Phase(Enum):
    IDLE = auto()  # nothing of the next request has arrived
    HEAD = auto()
    BODY = auto()
    SERVED = auto()  # the application has the request in hand
    SENDING = auto()  # the client does not take the answer as fast as it is sent
    ENDING = auto()  # the last answer is sent; what still arrives is thrown away
    ENDED = auto()


class Connection(asyncio.Protocol):
    """Reads a request whole, has it answered, sends the answer, and then turns to the next one."""

    def __init__(self, around: ConnectionContext) -> None:
        self._around = around
        self._transport = cast("asyncio.Transport", None)
        self._client: Any = None
        self._server: Any = None
        self._phase = _Phase.IDLE
        self._buffer = bytearray()
        self._searched = 0
        self._request: Request | None = None
        self._body: IncomingBody | None = None
        self._body_began_at = 0.0
        self._writes_wait = self._reading_paused = False
        self._last = self._client_ended = False
        self._withdraw: Callable[[], None] | None = None
        self.held = 0
        self.deadline = math.inf

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # pause_writing() then tells at once what is not taken
        self._client = transport.get_extra_info("peername")
        self._server = transport.get_extra_info("sockname")
        self._set_deadline(self._around.limits.header_seconds)
        self._around.connections.opened(self)
        if not self._client:  # it went before it was accepted
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's name)
        self._phase = _Phase.ENDED
        self._around.connections.closed(self)
        if self._withdraw is not None:
            self._withdraw()
        self._forget()

    def data_received(self, data: bytes) -> None:
        if self._phase in (_Phase.ENDING, _Phase.ENDED):
            return
        self._buffer += data
        self._count()
        if self._phase in (_Phase.IDLE, _Phase.HEAD, _Phase.BODY):
            self._read()
        elif len(self._buffer) > _READ_AHEAD_BYTES:
            self._transport.pause_reading()
            self._reading_paused = True

    def eof_received(self) -> bool:
        """A client may end its side when it has sent its request: true keeps ours open until it is answered."""
        self._last = self._client_ended = True
        return self._phase in (_Phase.SERVED, _Phase.SENDING)

    def pause_writing(self) -> None:
        self._writes_wait = True

    def resume_writing(self) -> None:
        self._writes_wait = False
        if self._phase is _Phase.SENDING:
            self._sent()

    # What the one who watches over all connections calls.

    def expire(self) -> str | None:
        match self._phase:
            case _Phase.HEAD:
                self._refuse_slow("The head of the request took too long.")
                return "the head of a request took too long"
            case _Phase.BODY:
                self._refuse_slow("The body of the request took too long.")
                return "the body of a request took too long"
            case _Phase.SENDING:
                self._transport.abort()
                return "an answer was not taken"
            case _Phase.ENDING:
                self._transport.abort()
            case _:
                self._transport.close()
        return None

    def make_room(self) -> None:
        if self._phase in (_Phase.HEAD, _Phase.BODY):
            self._transport.write(
                responses.refusal(problems.UNAVAILABLE, "There are too many requests at the same time.")
            )
        was, self._phase = self._phase, _Phase.ENDED
        self._forget()
        if was in (_Phase.SENDING, _Phase.ENDING) or self._writes_wait:
            self._transport.abort()
        else:
            self._transport.close()

    def stop(self, deadline: float) -> None:
        if self._phase in (_Phase.IDLE, _Phase.HEAD):
            self.deadline = min(self.deadline, deadline)

    # A request arrives.

    def _read(self) -> None:
        try:
            if self._request is None and not self._read_head():
                return
            assert self._request is not None and self._body is not None  # noqa: S101
            if self._body.take(self._buffer):
                self._serve(self._request, self._body)
            else:
                self._await_body(self._request, self._body)
        except BodyTooLarge:
            self._refuse(problems.TOO_LARGE, problems.TOO_LARGE.advice)
        except ParseException as error:
            status = status_of(error)
            _log.warning("request refused", status=status, error=type(error).__name__, client=self._client[0])
            problem = problems.HEADERS_TOO_LARGE if status == 431 else problems.MALFORMED
            self._refuse(problem, problem.advice, status=status)

    def _read_head(self) -> bool:
        end = self._buffer.find(END_OF_HEAD, self._searched)
        size = len(self._buffer) if end < 0 else end + len(END_OF_HEAD)
        if size > self._around.limits.head_bytes:
            raise LimitRequestHeaders("the head is too large")
        if end < 0:
            self._searched = max(0, size - len(END_OF_HEAD) + 1)
            if self._phase is _Phase.IDLE:
                self._wait_in(_Phase.HEAD, self._around.limits.header_seconds)
            return False
        head = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._searched = 0
        self._request = read_head(head, config=self._around.config, client=self._client)
        self._body = incoming_body(self._request, largest=self._around.limits.body_bytes)
        return True

    def _await_body(self, request: Request, body: IncomingBody) -> None:
        if self._phase is not _Phase.BODY:
            self._body_began_at = asyncio.get_running_loop().time()
            self._wait_in(_Phase.BODY, self._around.limits.body_seconds)
            if expects_continue(request) and not body.received:
                self._transport.write(_CONTINUE)
        self.deadline = self._body_began_at + self._around.limits.transfer_seconds(body.received)
        self._count()

    def _serve(self, request: Request, body: IncomingBody) -> None:
        self._phase, self.deadline = _Phase.SERVED, math.inf
        self._around.connections.is_served(self)
        self._count()
        self._withdraw = self._around.submit(
            ReadRequest(request=request, body=body.content(), client=self._client, server=self._server), self._answer
        )

    # Its answer leaves.

    def _answer(self, answer: SerializedResponse) -> None:
        if self._phase is not _Phase.SERVED:
            return  # the client is gone
        self._request = self._body = self._withdraw = None
        self._last = self._last or answer.closes
        self._transport.write(answer.data)
        if self._writes_wait:
            waiting = self._transport.get_write_buffer_size()
            self._wait_in(_Phase.SENDING, self._around.limits.transfer_seconds(waiting))
            self._count()
        else:
            self._sent()

    def _sent(self) -> None:
        if self._last:
            self._end()
            return
        self._wait_in(_Phase.IDLE, self._around.config.keepalive)
        self._resume_reading()
        self._count()
        if self._buffer:
            self._read()

    def _refuse_slow(self, detail: str) -> None:
        self._refuse(problems.TOO_SLOW, detail)

    def _refuse(self, problem: Problem, detail: str, *, status: int | None = None) -> None:
        self._transport.write(responses.refusal(problem, detail, status=status))
        self._end()

    def _end(self) -> None:
        """Send what is left, then end our side, and wait a moment for the client to end its own."""
        seconds = _LINGER_SECONDS
        if self._writes_wait:
            seconds += self._around.limits.transfer_seconds(self._transport.get_write_buffer_size())
        self._wait_in(_Phase.ENDING, seconds)
        self._forget()
        self._count()
        self._resume_reading()
        if self._client_ended:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()

    # Small steps.

    def _wait_in(self, phase: _Phase, seconds: float) -> None:
        self._phase = phase
        self._set_deadline(seconds)
        self._around.connections.waits(self)

    def _set_deadline(self, seconds: float) -> None:
        self.deadline = asyncio.get_running_loop().time() + seconds

    def _count(self) -> None:
        size = len(self._buffer) + (self._body.received if self._body else 0)
        if self._writes_wait:
            size += self._transport.get_write_buffer_size()
        if size != self.held:
            self._around.connections.hold(self, size)

    def _forget(self) -> None:
        self._request = self._body = None
        self._buffer.clear()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
