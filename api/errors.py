"""Maps every exception to a response: `application/problem+json` (RFC 9457), never a stack trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

import logs
from api import database_failures, problems
from api.database_failures import REPEATABLE, database_failure
from api.idempotency import IDEMPOTENCY_KEY, takes_idempotency_key
from api.problems import FieldError, Problem, ProblemDetails, RequestRefused
from api.request_ids import request_id
from api.unknown_fields import MAX_FIELD_ERRORS
from channels.base import TooManyChecks
from store.daily_limits import DailyLimitReached, MonthlyQuotaReached
from store.suspensions import ChurchSuspended

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


def _database_failed(error: Exception) -> Response:
    """Respond to an error of PostgreSQL. GET and HEAD store nothing, so a lost COMMIT is no matter to them."""
    how_to_repeat = None if request.method in ("GET", "HEAD") else _how_to_repeat()
    failure = database_failure(error, how_to_repeat=how_to_repeat)
    return problem_response(failure.problem, failure.detail, headers=_RETRY_AFTER)


def _unavailable(detail: str) -> Response:
    return problem_response(problems.UNAVAILABLE, detail, headers=_RETRY_AFTER)


def _how_to_repeat() -> str:
    if not takes_idempotency_key():
        return REPEATABLE
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


def _church_suspended(_error: ChurchSuspended) -> Response:
    """Respond without the operator's reason, which is for operators."""
    return problem_response(problems.CHURCH_SUSPENDED, "The operator has suspended the church. Nothing was stored.")


def _monthly_quota_reached(error: MonthlyQuotaReached) -> Response:
    """Respond without Retry-After, as for the daily limit."""
    need, quota = error.need, error.need.monthly_quota or 0
    detail = (
        f"This needs {need.segments:,} segments. The church's quota is {quota:,} a month, of which "
        f"{quota - error.left:,} are used or reserved in {need.month:%B %Y}. It begins anew on "
        f"{need.next_month.isoformat()} at midnight in {need.time_zone}."
    )
    return problem_response(problems.MONTHLY_QUOTA, detail)


def _broken(error: Exception) -> Response:
    _log.error("request failed", exc_info=error)
    return problem_response(problems.BROKEN, "The service failed. The error was logged under the request id.")


_HANDLERS: Mapping[type[Exception], Callable[[Any], BaseResponse]] = {
    RequestRefused: _refused,
    HTTPException: _refused_by_framework,
    TooManyChecks: _too_many_checks,
    DailyLimitReached: _daily_limit_reached,
    ChurchSuspended: _church_suspended,
    MonthlyQuotaReached: _monthly_quota_reached,
    **dict.fromkeys(database_failures.ERRORS, _database_failed),
    Exception: _broken,
}
