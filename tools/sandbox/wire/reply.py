"""Replies: their bytes, their delay, and whether the connection stays open."""

import json
from dataclasses import dataclass
from typing import Final

REASONS: Final = {
    200: "OK",
    201: "Created",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    414: "URI Too Long",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
}
"""RFC 9110 and RFC 6585."""

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """A response and how it is sent."""

    payload: bytes = b""
    delay_seconds: float = 0.0
    closes: bool = False
    """The connection is closed after the payload; with an empty payload the client gets no answer."""
    hangs: bool = False
    """The request is never answered; the connection stays open and its input is ignored."""


DROP: Final = Reply(closes=True)
HANG: Final = Reply(hangs=True)
NO_CONTENT: Final = Reply(b"HTTP/1.1 204 No Content\r\n\r\n")


def respond(status: int, body: bytes, *, content_type: str = JSON, headers: str = "", closes: bool = False) -> Reply:
    """Return a complete response. `headers` are whole lines, each ending in CR LF."""
    if closes:
        headers += "Connection: close\r\n"
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    )
    return Reply(head.encode("latin-1") + body, 0.0, closes)


def respond_json(status: int, value: object) -> Reply:
    """Return a response whose body is `value` as JSON."""
    return respond(status, json.dumps(value).encode())
