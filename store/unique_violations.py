"""Retries writes that fail because two deliveries would hold one carrier id."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from psycopg import Connection
from psycopg.errors import UniqueViolation

T = TypeVar("T")

_RUNS = 5


def retry_unique_violations(connection: Connection[Any], write: Callable[[], T]) -> T:
    """Runs `write` in a savepoint, again after a unique violation, and returns its result.

    The next run sees what the other transaction has committed. Raises UniqueViolation after five runs.
    """
    for _ in range(_RUNS - 1):
        with suppress(UniqueViolation), connection.transaction():
            return write()
    with connection.transaction():
        return write()
