"""Writes that fail when two deliveries would hold one of the carrier's ids."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from psycopg import Connection
from psycopg.errors import UniqueViolation

T = TypeVar("T")

_TRIES = 5


def retry_unique_violations(connection: Connection[Any], write: Callable[[], T]) -> T:
    """What `write` returns, run in a savepoint, and run again after a unique violation.

    The second run sees what the other transaction wrote in the meantime. Raises UniqueViolation after five runs.
    """
    for _ in range(_TRIES - 1):
        with suppress(UniqueViolation), connection.transaction():
            return write()
    with connection.transaction():
        return write()
