"""Sends one HTTP request and reads only the head of the response."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from httptools import HttpParserError, HttpResponseParser

from channels.mms.media_urls import MediaUrl

MAX_HEAD_BYTES = 16 * 1024
"""Of one response; the `limit` of the StreamReader."""
MAX_INTERIM = 3
"""Interim responses (1xx) that may come before the final one."""

Method = Literal["HEAD", "GET"]


class InvalidResponse(Exception):
    """The response is not valid HTTP, or its head is too long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseHead:
    """The status and the headers, by lower-case name."""

    status: int
    headers: Mapping[str, str]


async def fetch_head(
    url: MediaUrl, method: Method, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> ResponseHead:
    """The server's response head for the URL. Raises OSError, EOFError, InvalidResponse. Has no timeout."""
    writer.write(_request(url, method))
    try:
        for _ in range(MAX_INTERIM + 1):
            head = _read(await reader.readuntil(b"\r\n\r\n"))
            if head.status >= 200:
                return head
    except asyncio.LimitOverrunError as error:
        raise InvalidResponse("the head is too long") from error
    raise InvalidResponse("too many interim responses")


def _request(url: MediaUrl, method: str) -> bytes:
    lines = [
        f"{method} {url.target} HTTP/1.1",
        f"Host: {url.host_header}",
        "User-Agent: Koinonia-SMS (checks media before they are sent)",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if method == "GET":
        lines.append("Range: bytes=0-0")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class _HeaderCollector:
    """Collects the headers that the parser finds."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")


def _read(raw: bytes) -> ResponseHead:
    collector = _HeaderCollector()
    parser = HttpResponseParser(collector)
    try:
        parser.feed_data(raw)
    except HttpParserError as error:
        raise InvalidResponse("not HTTP") from error
    return ResponseHead(status=parser.get_status_code(), headers=collector.headers)
