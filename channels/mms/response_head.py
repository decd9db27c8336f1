"""One HTTP request, of whose answer only the head is read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from httptools import HttpParserError, HttpResponseParser

from channels.mms.media_urls import Place

MAX_HEAD_BYTES = 16 * 1024
"""Of one answer: for the reader's `limit`."""
MAX_INTERIM = 3
"""Interim answers (1xx) that may come before the real one."""

Method = Literal["HEAD", "GET"]


class NotHttp(Exception):
    """What came back is no answer, or one without end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """`headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]


async def fetch_head(place: Place, method: Method, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Head:
    """What the server at the other end says of the place. Raises OSError, EOFError, NotHttp. Takes any time."""
    writer.write(_request(place, method))
    try:
        for _ in range(MAX_INTERIM + 1):
            head = _read(await reader.readuntil(b"\r\n\r\n"))
            if head.status >= 200:
                return head
    except asyncio.LimitOverrunError as error:
        raise NotHttp("a head without end") from error
    raise NotHttp("interim answers without end")


def _request(place: Place, method: str) -> bytes:
    lines = [
        f"{method} {place.target} HTTP/1.1",
        f"Host: {place.host_header}",
        "User-Agent: Koinonia-SMS (looks at media before they are sent)",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if method == "GET":
        lines.append("Range: bytes=0-0")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class _Reading:
    """What the parser finds."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")


def _read(raw: bytes) -> Head:
    reading = _Reading()
    parser = HttpResponseParser(reading)
    try:
        parser.feed_data(raw)
    except HttpParserError as error:
        raise NotHttp("no HTTP") from error
    return Head(status=parser.get_status_code(), headers=reading.headers)
