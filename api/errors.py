"""Maps every exception to a response: `application/problem+json` (RFC 9457), never a stack trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

import logs
from api import problems
from api.idempotency import IDEMPOTENCY_KEY, takes_idempotency_key
from api.problems import FieldError, Problem, ProblemDetails, RequestRefused
from api.request_ids import request_id
from api.unknown_fields import MAX_FIELD_ERRORS
from channels.base import TooManyChecks
from store.daily_limits import DailyLimitReached
from store.errors import OutcomeUnknown, SchemaMismatch

_log = logs.get_logger(__name__)

_RETRY_AFTER = {"Retry-After": str(problems.RETRY_AFTER_SECONDS)}
_BY_STATUS: Mapping[int, Problem] = {problem.status: problem for problem in problems.CATALOGUE if problem.status < 500}


def install(app: Flask) -> None:
    """Register the handlers, which also cover paths that do not exist."""
    for raised, to_answer in _TABLE.items():
        app.register_error_handler(raised, to_answer)


def answer(
    problem: Problem,
    detail: str,
    *,
    status: int | None = None,
    errors: Sequence[FieldError] = (),
    more_errors: int = 0,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the problem as a response. `status` replaces the catalogue's where HTTP has a more precise one.

    Lists the first errors and counts the others, in addition to `more_errors`.
    """
    listed = list(errors[:MAX_FIELD_ERRORS])
    details = ProblemDetails(
        type=problem.type,
        title=problem.title,
        status=status or problem.status,
        detail=detail,
        request_id=request_id(),
        errors=listed,
        more_errors=len(errors) - len(listed) + more_errors,
    )
    response = Response(details.model_dump_json(by_alias=True), status=details.status, mimetype=problems.MEDIA_TYPE)
    response.headers.extend(headers or {})
    return response


def _refused(refusal: RequestRefused) -> Response:
    return answer(
        refusal.problem,
        refusal.detail,
        errors=refusal.errors,
        more_errors=refusal.more_errors,
        headers=refusal.headers,
    )


def _framework_refused(error: HTTPException) -> BaseResponse:
    """Respond to exceptions of Flask and Werkzeug: unknown paths, wrong methods, bodies too large or cut off."""
    if error.code is None or error.code < 400:
        return error.get_response()
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    if error.code >= 500:
        _log.error("Flask could not serve the request", status=error.code)
        return answer(problems.BROKEN, "The request could not be served.", status=error.code)
    problem = _BY_STATUS.get(error.code, problems.MALFORMED)
    return answer(problem, problem.advice, status=error.code, headers=allow)


def _database_away(error: Exception) -> Response:
    _log.warning("PostgreSQL cannot be reached", error=type(error).__name__)
    return _unavailable("The database cannot be reached now. Nothing was stored.")


def _database_busy(error: Exception) -> Response:
    """Respond when PostgreSQL ended the statement: it ran too long, or waited too long for a lock."""
    _log.warning("PostgreSQL ended a statement that took too long", error=type(error).__name__)
    return _unavailable("The database is too busy at the moment. Nothing was stored.")


def _not_migrated(error: SchemaMismatch) -> Response:
    _log.warning("not ready", reason=str(error))
    return _unavailable(f"The service is not set up yet; nothing was stored. {error}")


def _unavailable(detail: str) -> Response:
    return answer(problems.UNAVAILABLE, detail, headers=_RETRY_AFTER)


def _outcome_unknown(error: OutcomeUnknown) -> Response:
    """Respond when the connection was lost during COMMIT."""
    if request.method in ("GET", "HEAD"):
        return _database_away(error)  # there was nothing to store
    _log.warning("connection lost during COMMIT", error=type(error.__cause__).__name__)
    detail = f"The connection to the database was lost: the request may have been stored, or not. {_how_to_repeat()}"
    return answer(problems.OUTCOME_UNKNOWN, detail, headers=_RETRY_AFTER)


def _how_to_repeat() -> str:
    if not takes_idempotency_key():
        return "It is safe to repeat the request."
    if IDEMPOTENCY_KEY.name in request.headers:
        return "Repeat the request unchanged with the same Idempotency-Key: it is then stored once."
    return "The request had no Idempotency-Key, so repeating it may store it twice: check first whether it was stored."


def _too_many_checks(error: TooManyChecks) -> Response:
    retry = {"Retry-After": str(problems.RETRY_AFTER_SECONDS)}
    if error.own:
        told = f"Your church has {error.most} picture messages whose media servers are slow. Another one has to wait."
        return answer(problems.TOO_MANY_CHECKS, told, headers=retry)
    told = "Too many pictures are being checked at the moment. Nothing was stored."
    return answer(problems.UNAVAILABLE, told, headers=retry)


def _daily_limit_reached(error: DailyLimitReached) -> Response:
    """Respond without Retry-After: a client that obeys it would hang until midnight, and the day may be a later one."""
    need = error.need
    told = (
        f"This needs {need.segments:,} segments; {error.left:,} of the church's {need.daily_limit:,} are left on "
        f"{need.day.isoformat()}, which ends at midnight in {need.time_zone}."
    )
    return answer(problems.DAILY_LIMIT, told)


def _broken(error: Exception) -> Response:
    _log.error("request failed", exc_info=error)
    return answer(problems.BROKEN, "The service failed. The error was logged under the request id.")


_TABLE: Mapping[type[Exception], Callable[[Any], BaseResponse]] = {
    RequestRefused: _refused,
    HTTPException: _framework_refused,
    TooManyChecks: _too_many_checks,
    DailyLimitReached: _daily_limit_reached,
    psycopg.OperationalError: _database_away,  # includes PoolTimeout
    OutcomeUnknown: _outcome_unknown,
    SchemaMismatch: _not_migrated,
    psycopg.errors.QueryCanceled: _database_busy,
    psycopg.errors.LockNotAvailable: _database_busy,
    psycopg.errors.IdleInTransactionSessionTimeout: _database_away,  # this process was suspended
    psycopg.errors.ReadOnlySqlTransaction: _database_away,  # a standby during a failover
    Exception: _broken,
}
