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
    for exception, handler in _HANDLERS.items():
        app.register_error_handler(exception, handler)


def problem_response(
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
    return problem_response(
        refusal.problem,
        refusal.detail,
        errors=refusal.errors,
        more_errors=refusal.more_errors,
        headers=refusal.headers,
    )


def _refused_by_framework(error: HTTPException) -> BaseResponse:
    """Respond to exceptions of Flask and Werkzeug, such as an unknown path or a body that is too large."""
    if error.code is None or error.code < 400:
        return error.get_response()
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    if error.code >= 500:
        _log.error("Flask could not serve the request", status=error.code)
        return problem_response(problems.BROKEN, "The request could not be served.", status=error.code)
    problem = _BY_STATUS.get(error.code, problems.MALFORMED)
    return problem_response(problem, problem.advice, status=error.code, headers=allow)


def _database_unreachable(error: Exception) -> Response:
    _log.warning("PostgreSQL cannot be reached", error=type(error).__name__)
    return _unavailable("The database cannot be reached at the moment. Nothing was stored.")


def _database_too_busy(error: Exception) -> Response:
    """Respond when PostgreSQL canceled a statement that ran, or waited for a lock, for too long."""
    _log.warning("PostgreSQL canceled a statement that took too long", error=type(error).__name__)
    return _unavailable("The database is too busy at the moment. Nothing was stored.")


def _not_migrated(error: SchemaMismatch) -> Response:
    _log.warning("the database is not migrated", reason=str(error))
    return _unavailable(f"The service is not set up yet. Nothing was stored. {error}")


def _unavailable(detail: str) -> Response:
    return problem_response(problems.UNAVAILABLE, detail, headers=_RETRY_AFTER)


def _outcome_unknown(error: OutcomeUnknown) -> Response:
    """Respond when the connection was lost during COMMIT."""
    if request.method in ("GET", "HEAD"):
        return _database_unreachable(error)  # there was nothing to store
    _log.warning("connection to PostgreSQL lost during COMMIT", error=type(error.__cause__).__name__)
    detail = f"The connection to the database was lost: the request may have been stored, or not. {_how_to_repeat()}"
    return problem_response(problems.OUTCOME_UNKNOWN, detail, headers=_RETRY_AFTER)


def _how_to_repeat() -> str:
    if not takes_idempotency_key():
        return "It is safe to repeat the request."
    if IDEMPOTENCY_KEY.name in request.headers:
        return "Repeat the request unchanged with the same Idempotency-Key, so that it is stored only once."
    return "The request had no Idempotency-Key, so repeating it may store it twice. Check first whether it was stored."


def _too_many_checks(error: TooManyChecks) -> Response:
    if error.own:
        detail = (
            f"The pictures of {error.most} other messages of your church are still being checked, because their media "
            "servers are slow. Nothing was stored."
        )
        return problem_response(problems.TOO_MANY_CHECKS, detail, headers=_RETRY_AFTER)
    return _unavailable("Too many pictures are being checked at the moment. Nothing was stored.")


def _daily_limit_reached(error: DailyLimitReached) -> Response:
    """Respond without Retry-After: a client that obeys it would wait until midnight, or even until a later day."""
    need = error.need
    detail = (
        f"This needs {need.segments:,} segments; {error.left:,} of the church's {need.daily_limit:,} are left on "
        f"{need.day.isoformat()}, which ends at midnight in {need.time_zone}."
    )
    return problem_response(problems.DAILY_LIMIT, detail)


def _broken(error: Exception) -> Response:
    _log.error("request failed", exc_info=error)
    return problem_response(problems.BROKEN, "The service failed. The error was logged under the request id.")


_HANDLERS: Mapping[type[Exception], Callable[[Any], BaseResponse]] = {
    RequestRefused: _refused,
    HTTPException: _refused_by_framework,
    TooManyChecks: _too_many_checks,
    DailyLimitReached: _daily_limit_reached,
    psycopg.OperationalError: _database_unreachable,  # also PoolTimeout
    OutcomeUnknown: _outcome_unknown,
    SchemaMismatch: _not_migrated,
    psycopg.errors.QueryCanceled: _database_too_busy,
    psycopg.errors.LockNotAvailable: _database_too_busy,
    psycopg.errors.IdleInTransactionSessionTimeout: _database_unreachable,  # this process was suspended
    psycopg.errors.ReadOnlySqlTransaction: _database_unreachable,  # a standby during a failover
    Exception: _broken,
}
