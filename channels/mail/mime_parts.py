"""Finds the parts of one media type in a mail from an untrusted sender.

The standard library's parser is not used for the whole mail: for some inputs its cost grows with the square of their
length, and it recurses as deep as parts are nested. Here every mail costs a bounded number of passes over its bytes,
and the library parses only headers of bounded length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

MAX_HEADER_BYTES = 64 * 1024
"""All headers of one part together."""
MAX_CONTENT_TYPE_CHARACTERS = 2_000
"""The library's cost of parsing parameters grows with the square of this."""
MAX_BOUNDARY_CHARACTERS = 200
"""RFC 2046 allows 70."""
MAX_DEPTH = 5
"""Levels of nested multiparts. A delivery report has one level, or two if a gateway wrapped it."""
MAX_PARTS = 100

_BLANK_LINE = re.compile(rb"(?:\A|\n)\r?\n")


class UnreadableMail(Exception):
    """The mail exceeds a limit or cannot be parsed. The message names the limit and quotes nothing of the mail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    headers: Message
    body: bytes


def find_parts(raw: bytes, *, media_type: str) -> list[bytes]:
    """The raw bodies of all parts of the media type, in order, also those inside multiparts.

    Attached mails (message/rfc822) are not searched. Raises UnreadableMail.
    """
    parts = list(_walk(raw, depth=0, budget=[MAX_PARTS]))
    return [part.body for part in parts if part.headers.get_content_type() == media_type]


def read_headers(block: bytes) -> Message:
    """The headers in the block; their values are not parsed. Raises UnreadableMail."""
    if len(block) > MAX_HEADER_BYTES:
        raise UnreadableMail("headers are too long")
    return BytesHeaderParser(policy=compat32).parsebytes(block)


def _walk(raw: bytes, *, depth: int, budget: list[int]) -> Iterator[_Part]:
    """Yields the part and all parts inside it. `budget` holds how many more parts are allowed."""
    budget[0] -= 1
    if budget[0] < 0:
        raise UnreadableMail("too many parts")
    part = _read_part(raw)
    yield part
    boundary = part.headers.get_boundary() if part.headers.get_content_maintype() == "multipart" else None
    if not boundary:
        return
    if len(boundary) > MAX_BOUNDARY_CHARACTERS:
        raise UnreadableMail("a boundary is too long")
    if depth == MAX_DEPTH:
        raise UnreadableMail("parts are nested too deeply")
    for inner in _split(part.body, boundary):
        yield from _walk(inner, depth=depth + 1, budget=budget)


def _read_part(raw: bytes) -> _Part:
    blank = _BLANK_LINE.search(raw)
    head, body = (raw[: blank.start()], raw[blank.end() :]) if blank else (raw, b"")
    headers = read_headers(head)
    if len(str(headers.get("Content-Type", ""))) > MAX_CONTENT_TYPE_CHARACTERS:
        raise UnreadableMail("a Content-Type is too long")
    return _Part(headers=headers, body=body)


def _split(body: bytes, boundary: str) -> Iterator[bytes]:
    """The parts between the boundary lines (RFC 2046, section 5.1.1); the last one may lack its closing line."""
    written = re.escape(boundary.encode("ascii", "surrogateescape"))
    start = None
    for line in re.finditer(rb"^--" + written + rb"(--)?[ \t]*\r?$", body, re.MULTILINE):
        if start is not None:
            yield body[start : line.start()]
        start = line.end() + 1
        if line[1]:
            return
    if start is not None:
        yield body[start:]
