"""Records failed logins in the audit, as counts: nobody who guesses passwords can fill the audit."""

from __future__ import annotations

from redis import Redis

from api.operator.accounts import Account
from api.operator.counters import Counters
from store import audit
from store.audit import Actor
from store.database import Database, system_scope

_HOUR_SECONDS = 3600
_RECORDED = frozenset({1, 10, 100, 1000})
"""The failures of an hour that are recorded, each with the count so far."""
_LOGIN = Actor(kind="service", name="login")


class FailedLogins:
    """Counts failed logins by operator.

    A name that nobody has is not stored, because it may be a password in the wrong field.
    """

    def __init__(self, redis: Redis | None, *, database: Database) -> None:
        self._counters = Counters(redis)
        self._database = database

    def record(self, account: Account | None) -> None:
        """Count a failed login. Raises psycopg.OperationalError."""
        counter = f"failures of {account.name}" if account else "failures of unknown names"
        failures, _ = self._counters.count(counter, seconds=_HOUR_SECONDS)
        if failures not in _RECORDED:
            return
        with system_scope(self._database) as connection:
            audit.record(
                connection,
                actor=_LOGIN,
                action="operator.login_failed",
                subject=account.name if account else "unknown names",
                details={"failuresThisHour": failures},
            )
