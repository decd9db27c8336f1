"""Takes a request's body out of what has arrived, piece by piece, however it is framed (RFC 9112, section 6)."""

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
"""Beyond this, framing may not be more than what it frames: a chunk of one byte costs as much time as one of many."""
_CRLF = b"\r\n"
_EXTENSION: re.Pattern[bytes] = vars(gunicorn_body)["CHUNK_EXT_RE"]  # which the type stubs do not know
_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")


class BodyTooLarge(Exception):
    """The body is larger than is taken."""


class IncomingBody(Protocol):
    """A body that has arrived in part."""

    received: int
    """Bytes of it so far, without framing."""

    def take(self, buffer: bytearray) -> bool:
        """Move what belongs to the body out of the buffer; whether all of it is here.

        Raises BodyTooLarge, gunicorn's ParseException.
        """
        ...

    def content(self) -> bytes:
        """All of it, without framing. It must have been taken whole."""
        ...


def incoming_body(request: Request, *, largest: int) -> IncomingBody:
    """The request's body, of which nothing has been taken. Raises BodyTooLarge when its declared length says so."""
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
    """A chunked body, as strict as gunicorn's own reader, which would wait in a thread for what has not arrived.

    Trailers are checked and forgotten.
    """

    def __init__(self, request: Request, *, largest: int) -> None:
        self.received = 0
        self._request = request
        self._largest = largest
        self._framing = 0
        self._next = _Next.SIZE
        self._missing = 0
        self._content = bytearray()  # not a list of parts: a part of one byte would take forty
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
                raise InvalidChunkSize(b"the line is too long")
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
    """Take at most so many bytes from the front. CPython does not move the rest each time."""
    part = bytes(buffer[:size])
    del buffer[:size]
    return part
