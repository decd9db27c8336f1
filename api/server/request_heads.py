"""Parses the head of a request (request line and headers) with gunicorn's parser, which prevents request smuggling."""

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
    """Parse the bytes up to and including the empty line after the headers. Raises gunicorn's ParseException."""
    unreader = IterUnreader([head])
    try:
        request = Request(config, unreader, client)
    except (NoMoreData, StopIteration):
        raise InvalidRequestLine("the head is incomplete") from None
    if unreader.buf.getvalue():
        raise InvalidRequestLine("the parser found the end of the head before the empty line")
    return request


def expects_continue(request: Request) -> bool:
    """Return whether the client waits for `100 Continue` before it sends the body (RFC 9110, section 10.1.1)."""
    return (request.version or (1, 0)) >= (1, 1) and ("EXPECT", "100-continue") in (
        (name, value.lower()) for name, value in request.headers
    )


def status_of(error: ParseException) -> int:
    """Return the HTTP status for the error: 400 unless there is a more precise one."""
    return _STATUSES.get(type(error), 400)
