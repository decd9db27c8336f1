"""The one connection of `flask check-database`. Every wait on it ends."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

from psycopg import Connection, OperationalError

from channels.check_steps import CheckFailed
from store.errors import ServerUnresponsive
from store.interruptible_connection import InterruptibleConnection
from store.timeouts import COMMAND

ANSWER_SECONDS = 10.0
"""How long PostgreSQL may take for one answer."""
_TIMEOUTS = replace(COMMAND, statement=5, lock=5)
_BEGIN = b"BEGIN; SELECT set_config('koinonia.scope', 'system', true)" + _TIMEOUTS.settings


class CheckConnection:
    """A context manager; open() connects."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: InterruptibleConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._connection is not None:
            self._connection.close()

    @property
    def is_lost(self) -> bool:
        return self._connection is None or self._connection.closed

    @property
    def server_version(self) -> int:
        """Such as 180006 for 18.6."""
        assert self._connection is not None  # noqa: S101 - open() comes first
        return self._connection.info.server_version

    def open(self) -> str:
        """Connect and return the name of the role. Raises CheckFailed."""
        try:
            connection = InterruptibleConnection.connect(_TIMEOUTS.conninfo(self._url, name="check"), autocommit=True)
        except OperationalError as error:
            raise CheckFailed(_reason(error)) from error
        connection.check_while_waiting = _limit_wait
        self._connection = connection
        return connection.info.user

    @contextmanager
    def transaction(self, *, rolls_back: bool = False) -> Generator[Connection[Any]]:
        """A transaction that sees all churches, with timeouts of its own. Raises psycopg.OperationalError."""
        assert self._connection is not None  # noqa: S101 - open() comes first
        self._connection.execute(_BEGIN)
        try:
            yield self._connection
        except BaseException:
            if not self._connection.closed:
                self._connection.rollback()
            raise
        if rolls_back:
            self._connection.rollback()
        else:
            self._connection.commit()


def _limit_wait(_connection: InterruptibleConnection, waited_seconds: float, _spent_seconds: float) -> None:
    if waited_seconds > ANSWER_SECONDS:
        raise ServerUnresponsive(f"PostgreSQL does not answer: no answer within {ANSWER_SECONDS:g} s")


def _reason(error: OperationalError) -> str:
    """Return the line with the reason: libpq adds a question, and psycopg lists each address that it tried."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reasons = [line for line in lines if not line.startswith(("Is the server", "Multiple connection attempts"))]
    return reasons[-1] if reasons else type(error).__name__
