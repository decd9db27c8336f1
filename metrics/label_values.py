"""The values of labels that code chooses. A label has few values: every one is a series of its own."""

from __future__ import annotations

from functools import cache
from typing import Literal

MessageSource = Literal["api", "schedule"]
MESSAGE_SOURCES: tuple[MessageSource, ...] = ("api", "schedule")
"""What stored a message: a request, or the run of a schedule."""

CallbackRefusal = Literal["signature", "too many waiting"]
CALLBACK_REFUSALS: tuple[CallbackRefusal, ...] = ("signature", "too many waiting")
"""The signature is not the carrier's; too many callbacks wait for the database."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def method_label(method: str) -> str:
    """The method of a request. Clients may send any word."""
    return method if method in _METHODS else "other"


@cache
def status_class(status: int) -> str:
    """The class of an HTTP status, such as `2xx`."""
    return f"{status // 100}xx"
