"""What callers are told when PostgreSQL fails, and what is logged."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

import logs
from api import problems
from api.problems import Problem
from store.errors import OutcomeUnknown, UnfitDatabase

ERRORS: tuple[type[Exception], ...] = (
    psycopg.OperationalError,  # also PoolTimeout, the timeouts of statements and locks, and those of store/errors.py
    psycopg.errors.IdleInTransactionSessionTimeout,  # this process was suspended
    psycopg.errors.ReadOnlySqlTransaction,  # a standby during a failover
)
"""The errors that `database_failure` describes. All of them are temporary."""
REPEATABLE = "It is safe to repeat the request."

_TOO_BUSY = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)

_log = logs.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseFailure:
    """The response to a request that needed PostgreSQL. Its status is 503."""

    problem: Problem
    detail: str


def database_failure(error: Exception, *, how_to_repeat: str | None) -> DatabaseFailure:
    """Log one of ERRORS, and return the response to it.

    `how_to_repeat` is what the caller should do if it is not known whether the request was stored; None if the request
    stores nothing.
    """
    name = type(error).__name__
    if isinstance(error, UnfitDatabase):
        _log.warning("the database is not fit for this release", reason=str(error))
        return _unavailable(f"The service is not set up yet. Nothing was stored. {error}")
    if isinstance(error, OutcomeUnknown) and how_to_repeat is not None:
        _log.warning("connection to PostgreSQL lost during COMMIT", error=type(error.__cause__).__name__)
        detail = "The connection to the database was lost: the request may have been stored, or not."
        return DatabaseFailure(problem=problems.OUTCOME_UNKNOWN, detail=f"{detail} {how_to_repeat}")
    if isinstance(error, _TOO_BUSY):
        _log.warning("PostgreSQL canceled a statement that took too long", error=name)
        return _unavailable("The database is too busy at the moment. Nothing was stored.")
    _log.warning("PostgreSQL cannot be reached", error=name)
    return _unavailable("The database cannot be reached at the moment. Nothing was stored.")


def _unavailable(detail: str) -> DatabaseFailure:
    return DatabaseFailure(problem=problems.UNAVAILABLE, detail=detail)
