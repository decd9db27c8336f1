"""Reads the heads of plain requests quickly, and declines all others.

This is no second parser of HTTP beside gunicorn's: whatever it declines is parsed by gunicorn's, from the same bytes.
What it accepts leaves nothing to interpret, so that no parser, and no proxy in front, could read it differently:
visible ASCII only, lines that end with CRLF, every field once, a body of a given length in digits, and no field that
changes how the message is framed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LONGEST_HEAD = 4_094
"""gunicorn's limit for the request line, and less than its limit for one field."""
_MOST_FIELDS = 64
_HEAD = re.compile(
    # A field's name has no underscore: as a CGI variable it would equal the same name with a hyphen.
    r"([A-Z]+) (/[!-~]*) HTTP/1\.([01])\r\n((?:[0-9A-Za-z!#$%&'*+.^`|~-]+:[\t -~]*\r\n)+)\r\n",
    re.ASCII,
)
_LENGTH = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_DECLINED = frozenset(
    {
        # They change how the message is framed, or what the client expects before it sends the body.
        *("transfer-encoding", "expect", "upgrade", "trailer", "te", "http2-settings"),
        # gunicorn refuses the request if they disagree about the scheme.
        *("x-forwarded-protocol", "x-forwarded-ssl"),
    }
)


@dataclass(kw_only=True, slots=True)
class PlainHead:
    """The head of a request in which nothing needs interpretation."""

    method: str
    target: str
    """The path, with the query if there is one, as it was sent."""
    headers: Mapping[str, str]
    """By name in lower case, without whitespace around the values."""
    content_length: int
    closes: bool
    """Whether the client wants the connection closed after the response."""


def read_plain_head(head: bytes) -> PlainHead | None:
    """Return the parsed head, or None if it is not plain. `head` ends with the empty line after the headers."""
    if len(head) > _LONGEST_HEAD or not head.isascii() or not (match := _HEAD.fullmatch(head.decode("ascii"))):
        return None
    method, target, minor_version, fields = match.groups()
    lines = fields[:-2].split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
    connection = headers.get("connection", "close" if minor_version == "0" else "keep-alive").lower()
    length = headers.get("content-length", "")
    if (
        len(headers) != len(lines)  # a field is repeated
        or len(lines) > _MOST_FIELDS
        or "host" not in headers
        or not _DECLINED.isdisjoint(headers)
        or connection not in ("keep-alive", "close")
        or not _LENGTH.fullmatch(length)
    ):
        return None
    return PlainHead(
        method=method,
        target=target,
        headers=headers,
        content_length=int(length),
        closes=connection == "close",
    )
