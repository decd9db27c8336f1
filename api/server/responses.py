"""Answers of the application, and of the server itself where it refuses a request, as bytes to send."""

from __future__ import annotations

import io
from dataclasses import dataclass
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

_log = logs.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SerializedResponse:
    """A whole HTTP response."""

    data: bytes
    closes: bool
    """Whether the connection ends with it."""


class _Collected:
    """Stands in for the socket that gunicorn writes a response to."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.parts.append(data)

    def send(self, data: bytes) -> int:
        """Only `100 Continue` is sent in this way: the client was told that before its body was read."""
        return len(data)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadRequest:
    """A request that has arrived whole."""

    request: Request
    body: bytes
    client: Address
    server: Address


def run_application(
    application: WSGIApplication, read: ReadRequest, *, config: Config, keep_alive: bool
) -> SerializedResponse:
    """Call the application, in the present thread, for as long as it takes; raises nothing.

    Its environment and the response's framing are gunicorn's. What was written before an error is not sent.
    """
    collected = _Collected()
    try:
        response, environ = wsgi.create(read.request, cast("Any", collected), read.client, read.server, config)
        environ["wsgi.input"] = io.BytesIO(read.body)
        environ["wsgi.multithread"] = True
        if not keep_alive:
            response.force_close()
        parts = application(dict(environ), cast("Any", response.start_response))
        try:
            for part in parts:
                response.write(part)
            response.close()
        finally:
            if close := getattr(parts, "close", None):
                close()
    except Exception:  # noqa: BLE001 - it is logged, and nobody is above this to handle it
        _log.exception("request failed outside the application")
        return SerializedResponse(data=refusal(problems.BROKEN, "This is our fault, and it was logged."), closes=True)
    return SerializedResponse(data=b"".join(collected.parts), closes=response.should_close())


def refusal(problem: Problem, detail: str, *, status: int | None = None) -> bytes:
    """The problem as a response that ends the connection; `status` where HTTP has a finer one than the catalogue."""
    request_id = request_ids.name_for("")
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
        "Connection": "close",
        **({"Retry-After": str(problems.RETRY_AFTER_SECONDS)} if details.status == 503 else {}),
        **security_headers.DEFAULTS,
        request_ids.HEADER: request_id,
    }
    lines = [f"HTTP/1.1 {details.status} {HTTPStatus(details.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
