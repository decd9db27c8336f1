"""Reads the head of a request with gunicorn's own parser, and so with its guards against request smuggling."""

from __future__ import annotations

from typing import Any

from gunicorn.config import Config
from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    InvalidRequestLine,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

END_OF_HEAD = b"\r\n\r\n"

_STATUSES: dict[type[Exception], int] = {
    LimitRequestLine: 414,
    LimitRequestHeaders: 431,
    ExpectationFailed: 417,
    UnsupportedTransferCoding: 501,
    ConfigurationProblem: 500,
}


def read_head(head: bytes, *, config: Config, client: Any) -> Request:
    """The request that begins with these bytes, up to and with the empty line. Raises gunicorn's ParseException."""
    unreader = IterUnreader([head])
    try:
        request = Request(config, unreader, client)
    except (NoMoreData, StopIteration):
        raise InvalidRequestLine("the head ends too soon") from None
    if unreader.buf.getvalue():
        raise InvalidRequestLine("the head ends sooner for the parser than for the reader")
    return request


def expects_continue(request: Request) -> bool:
    """Whether the client waits for `100 Continue` before it sends the body (RFC 9110, section 10.1.1)."""
    return (request.version or (1, 0)) >= (1, 1) and ("EXPECT", "100-continue") in (
        (name, value.lower()) for name, value in request.headers
    )


def status_of(error: ParseException) -> int:
    """The HTTP status that says what is wrong: 400 unless there is a finer one."""
    return _STATUSES.get(type(error), 400)
