"""Serializes responses: those of the application, and those of the server itself when it refuses a request."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.message import Request

import logs
from api import problems, request_ids, security_headers
from api.problems import Problem, ProblemDetails

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Address = tuple[Any, ...]

_DEFAULTS = "\r\n".join(f"{name}: {value}" for name, value in security_headers.DEFAULTS.items())

_log = logs.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SerializedResponse:
    """A complete HTTP response, or the next part of a streamed one."""

    data: bytes
    closes: bool
    """Whether the connection is closed after it."""
    following: ResponseStream | None = None
    """What follows, if `data` is only the next part of a streamed response."""
    is_cut: bool = False
    """Whether a streamed response failed on the way: what was sent of it is incomplete."""


class _Collected:
    """Replaces the socket to which gunicorn writes a response, and collects what is written."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.parts.append(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        written, self.parts = b"".join(self.parts), []
        return written

    def send(self, data: bytes) -> int:
        """gunicorn sends only `100 Continue` in this way, which the client has already received: discard it."""
        return len(data)


class ResponseStream:
    """The rest of a streamed response: of a body whose length the application did not state.

    Each part is produced when the client has taken the one before, so that a large response takes no more memory than a
    part, and a slow client no thread.
    """

    def __init__(self, response: wsgi.Response, collected: _Collected, parts: Iterable[bytes]) -> None:
        self._response = response
        self._collected = collected
        self._parts = parts
        self._iterator = iter(parts)

    def next(self) -> SerializedResponse:
        """Produce the next part. Raises nothing."""
        following: ResponseStream | None = self
        try:
            part = next(self._iterator, None)
            if part is None:
                self._response.close()
                following = None
            else:
                self._response.write(part)
        except Exception:  # noqa: BLE001 - it is logged, and no caller could handle it
            _log.exception("a streamed response failed")
            self.close()
            return SerializedResponse(data=b"", closes=True, is_cut=True)
        if following is None:
            self.close()
        return SerializedResponse(
            data=self._collected.take(), closes=self._response.should_close(), following=following
        )

    def close(self) -> None:
        """Let the application release what it holds."""
        if close := getattr(self._parts, "close", None):
            close()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedRequest:
    """A request that has arrived completely."""

    request: Request
    body: bytes
    client: Address
    server: Address


def run_application(
    application: WSGIApplication, received: ReceivedRequest, *, config: Config, keep_alive: bool
) -> SerializedResponse:
    """Call the application in the current thread and return its response. Raises nothing.

    gunicorn builds the WSGI environment and frames the response. Nothing that was written before an error is sent,
    except of a streamed response, of which this returns the first part.
    """
    collected = _Collected()
    try:
        response, environ = wsgi.create(
            received.request, cast("Any", collected), received.client, received.server, config
        )
        environ["wsgi.input"] = io.BytesIO(received.body)
        environ["wsgi.multithread"] = True
        if not keep_alive:
            response.force_close()
        parts = application(dict(environ), cast("Any", response.start_response))
        if _is_streamed(response, received.request):
            return ResponseStream(response, collected, parts).next()
        try:
            for part in parts:
                response.write(part)
            response.close()
        finally:
            if close := getattr(parts, "close", None):
                close()
    except Exception:  # noqa: BLE001 - it is logged, and no caller could handle it
        _log.exception("request failed outside the application")
        return SerializedResponse(
            data=refusal(problems.BROKEN, "The service failed. The error was logged."), closes=True
        )
    return SerializedResponse(data=collected.take(), closes=response.should_close())


def _is_streamed(response: wsgi.Response, request: Request) -> bool:
    """Return whether the application stated no length for a body."""
    has_body = request.method != "HEAD" and response.status_code not in (204, 304)
    return has_body and response.response_length is None


def refusal(problem: Problem, detail: str, *, status: int | None = None) -> bytes:
    """Return the problem as a response that closes the connection, with a new request id.

    `status` replaces the catalogue's where HTTP has a more precise one.
    """
    return problem_response(problem, detail, status=status, request_id=request_ids.valid_or_new(""), closes=True).data


def problem_response(
    problem: Problem, detail: str, *, status: int | None = None, request_id: str, closes: bool
) -> SerializedResponse:
    """Return the problem as a response of the server itself."""
    details = ProblemDetails(
        type=problem.type,
        title=problem.title,
        status=status or problem.status,
        detail=detail,
        request_id=request_id,
        errors=[],
        more_errors=0,
    )
    body = details.model_dump_json(by_alias=True).encode()
    headers = {
        "Content-Type": problems.MEDIA_TYPE,
        "Content-Length": str(len(body)),
        **({"Retry-After": str(problems.RETRY_AFTER_SECONDS)} if details.status == 503 else {}),
    }
    return SerializedResponse(data=_head(details.status, headers, request_id, closes=closes) + body, closes=closes)


def no_content(*, request_id: str, closes: bool) -> SerializedResponse:
    """Return the response 204 of the server itself."""
    return SerializedResponse(data=_head(204, {}, request_id, closes=closes), closes=closes)


def _head(status: int, headers: Mapping[str, str], request_id: str, *, closes: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Date: {_date(int(time.time()))}",
        f"Connection: {'close' if closes else 'keep-alive'}",
        *(f"{name}: {value}" for name, value in headers.items()),
        _DEFAULTS,
        f"{request_ids.HEADER}: {request_id}\r\n\r\n",
    ]
    return "\r\n".join(lines).encode()


@lru_cache(maxsize=1)
def _date(unix_seconds: int) -> str:
    return formatdate(unix_seconds, usegmt=True)
