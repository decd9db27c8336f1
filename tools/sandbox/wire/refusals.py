"""Replies to requests that are not valid HTTP; the connection is closed after them."""

from typing import Final

from tools.sandbox.wire.reply import Reply, respond

_PLAIN = "text/plain; charset=utf-8"


def _refuse(status: int, text: str) -> Reply:
    return respond(status, text.encode() + b"\n", content_type=_PLAIN, closes=True)


BAD_REQUEST: Final = _refuse(400, "This is not HTTP/1.1.")
TOO_LARGE: Final = _refuse(413, "The body is too large.")
TARGET_TOO_LONG: Final = _refuse(414, "The request target is too long.")
HEADERS_TOO_LARGE: Final = _refuse(431, "The headers are too large.")
