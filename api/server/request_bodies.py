"""Reads a request's body as it arrives, with a Content-Length or chunked (RFC 9112, section 6)."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Protocol

from gunicorn.http import body as gunicorn_body
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkExtension,
    InvalidChunkSize,
    LimitRequestHeaders,
)
from gunicorn.http.message import Request

_LONGEST_LINE = 8190
_FREE_FRAMING_BYTES = 65_536
"""Above this, the framing of a chunked body must not exceed its content: each chunk costs time, however small it is."""
_CRLF = b"\r\n"
_EXTENSION: re.Pattern[bytes] = vars(gunicorn_body)["CHUNK_EXT_RE"]  # missing in the type stubs
_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")


class BodyTooLarge(Exception):
    """The body is larger than the limit."""


class IncomingBody(Protocol):
    """A body of which a part has arrived."""

    received: int
    """The bytes received so far, without framing."""

    def take(self, buffer: bytearray) -> bool:
        """Move the body's bytes out of the buffer. Returns whether the body is complete.

        Raises BodyTooLarge and gunicorn's ParseException.
        """
        ...

    def content(self) -> bytes:
        """Return the complete body without framing. Only after `take` returned True."""
        ...


def incoming_body(request: Request, *, largest: int) -> IncomingBody:
    """Return the reader of the request's body. Raises BodyTooLarge if its Content-Length is above the limit."""
    reader = request.body.reader if request.body else None
    if isinstance(reader, ChunkedReader):
        return ChunkedBody(request, largest=largest)
    length = reader.length if isinstance(reader, LengthReader) else 0
    if length > largest:
        raise BodyTooLarge
    return SizedBody(length)


class SizedBody:
    """A body of a known length."""

    def __init__(self, length: int) -> None:
        self.received = 0
        self._missing = length
        self._content = bytearray()

    def take(self, buffer: bytearray) -> bool:
        if self._missing and buffer:
            self._content += (part := _cut(buffer, self._missing))
            self._missing -= len(part)
            self.received += len(part)
        return not self._missing

    def content(self) -> bytes:
        return bytes(self._content)


class _Next(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    NOTHING = auto()


class ChunkedBody:
    """A chunked body. It is as strict as gunicorn's own reader, which would block a thread until more arrives.

    Trailers are validated and discarded.
    """

    def __init__(self, request: Request, *, largest: int) -> None:
        self.received = 0
        self._request = request
        self._largest = largest
        self._framing = 0
        self._next = _Next.SIZE
        self._missing = 0
        self._content = bytearray()  # not a list of parts: a part of one byte would take 40 bytes of memory
        self._trailers = bytearray()
        self._steps = {
            _Next.SIZE: self._take_size,
            _Next.DATA: self._take_data,
            _Next.DATA_END: self._take_data_end,
            _Next.TRAILER: self._take_trailer,
        }

    def take(self, buffer: bytearray) -> bool:
        while self._next is not _Next.NOTHING:
            if not self._steps[self._next](buffer):
                return False
        return True

    def content(self) -> bytes:
        return bytes(self._content)

    def _take_size(self, buffer: bytearray) -> bool:
        end = buffer.find(_CRLF, 0, _LONGEST_LINE)
        if end < 0:
            if len(buffer) >= _LONGEST_LINE:
                raise InvalidChunkSize(b"the line with the size of a chunk is too long")
            return False
        size = _read_size(_cut(buffer, end + len(_CRLF))[:end])
        self._framing += end + 2 * len(_CRLF)
        if self._framing > _FREE_FRAMING_BYTES + self.received:
            raise InvalidChunkSize(b"the chunks are too small")
        if self.received + size > self._largest:
            raise BodyTooLarge
        self._missing = size
        self._next = _Next.DATA if size else _Next.TRAILER
        return True

    def _take_data(self, buffer: bytearray) -> bool:
        if not buffer:
            return False
        self._content += (part := _cut(buffer, self._missing))
        self._missing -= len(part)
        self.received += len(part)
        if not self._missing:
            self._next = _Next.DATA_END
        return True

    def _take_data_end(self, buffer: bytearray) -> bool:
        if len(buffer) < len(_CRLF):
            return False
        if (end := _cut(buffer, len(_CRLF))) != _CRLF:
            raise ChunkMissingTerminator(end)
        self._next = _Next.SIZE
        return True

    def _take_trailer(self, buffer: bytearray) -> bool:
        end = buffer.find(_CRLF, 0, _LONGEST_LINE)
        if len(self._trailers) + (len(buffer) if end < 0 else end) >= _LONGEST_LINE:
            raise LimitRequestHeaders("the trailers are too long")
        if end < 0:
            return False
        line = _cut(buffer, end + len(_CRLF))
        if end:
            self._trailers += line
            return True
        if self._trailers:
            self._request.parse_headers(bytes(self._trailers[: -len(_CRLF)]), from_trailer=True)
        self._next = _Next.NOTHING
        return True


def _read_size(line: bytes) -> int:
    size, semicolon, extension = line.partition(b";")
    if semicolon:
        size = size.rstrip(b" \t")
        if not _EXTENSION.fullmatch(semicolon + extension):
            raise InvalidChunkExtension("the extension of a chunk is malformed")
    if not size or len(size) > 16 or not _HEX_DIGITS.issuperset(size):
        raise InvalidChunkSize(size)
    return int(size, 16)


def _cut(buffer: bytearray, size: int) -> bytes:
    """Remove at most this many bytes from the front and return them. CPython does not move the rest each time."""
    part = bytes(buffer[:size])
    del buffer[:size]
    return part
