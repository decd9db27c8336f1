"""POST /api/messages/{id}/cancel, pause, resume and retry-failed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

from psycopg import Connection
from pydantic import Field, StringConstraints

from api import problems
from api.authentication import with_key
from api.base_models import STORABLE, RequestModel, ResponseModel
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.messages import daily_usage, responses
from api.messages.counted_message import counted_message
from api.problems import RequestRefused
from api.services import services
from messaging.states import Status
from store import audit, message_lifecycle, messages
from store.api_keys import KeyHolder
from store.database import church_scope
from store.messages import Message

_PROBLEMS = (problems.NOT_FOUND, problems.WRONG_STATE)
_UNFINISHED = (Status.QUEUED, Status.SENDING, Status.UNKNOWN)
_CURRENT = (ResponseSpec(status=200, description="The message after the change.", content=responses.CountedMessage),)


class Retry(RequestModel):
    """Which failed deliveries to send again: all of them, or those that match the filters in the request."""

    reasons: Annotated[list[Annotated[str, STORABLE]], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Only deliveries with one of these values of `reason`."
    )
    error_codes: (
        Annotated[
            list[Annotated[str, StringConstraints(min_length=1, max_length=50), STORABLE]],
            Field(min_length=1, max_length=100),
        ]
        | None
    ) = Field(default=None, description="Only deliveries with one of these values of `errorCode`.")


class RetryResult(ResponseModel):
    """How many deliveries were queued again, and the message after that."""

    retried: int = Field(description="How many deliveries were queued again.")
    message: responses.CountedMessage


@endpoint(
    "POST /api/messages/<uuid:message_id>/cancel",
    tag="Messages",
    summary="Cancel a message",
    authentication=with_key("messages:write"),
    responses=_CURRENT,
    problems=_PROBLEMS,
)
def cancel_message(*, caller: KeyHolder, message_id: UUID) -> ApiResponse:
    """Stops the message permanently. Deliveries that the carrier already has cannot be recalled. Repeating the request
    has no effect."""
    with _locked_message(caller, message_id) as (connection, message):
        if message.canceled_at is None and not _has_unfinished_deliveries(connection, message):
            raise RequestRefused(
                problems.WRONG_STATE, "There is nothing to cancel: every delivery of the message has been submitted."
            )
        if message.canceled_at is None:
            canceled = message_lifecycle.cancel(connection, church_id=caller.church_id, message_id=message_id)
            daily_usage.give_back(connection, church_id=caller.church_id, message=message, segments=canceled.segments)
            _record(connection, caller, "message.canceled", message, deliveries=canceled.deliveries)
        return _message_response(connection, caller, message_id)


@endpoint(
    "POST /api/messages/<uuid:message_id>/pause",
    tag="Messages",
    summary="Pause a message",
    authentication=with_key("messages:write"),
    responses=_CURRENT,
    problems=_PROBLEMS,
)
def pause_message(*, caller: KeyHolder, message_id: UUID) -> ApiResponse:
    """Stops sending until the message is resumed. Repeating the request has no effect."""
    with _locked_message(caller, message_id) as (connection, message):
        if message.canceled_at is not None or not _has_unfinished_deliveries(connection, message):
            raise RequestRefused(problems.WRONG_STATE, f"There is nothing to pause: the message is {message.status}.")
        if message.paused_at is None:
            message_lifecycle.pause(connection, church_id=caller.church_id, message_id=message_id)
            _record(connection, caller, "message.paused", message)
        return _message_response(connection, caller, message_id)


@endpoint(
    "POST /api/messages/<uuid:message_id>/resume",
    tag="Messages",
    summary="Resume a paused message",
    authentication=with_key("messages:write"),
    responses=_CURRENT,
    problems=_PROBLEMS,
)
def resume_message(*, caller: KeyHolder, message_id: UUID) -> ApiResponse:
    """Continues with the deliveries that are not submitted yet. Repeating the request has no effect."""
    with _locked_message(caller, message_id) as (connection, message):
        if message.canceled_at is not None:
            raise RequestRefused(problems.WRONG_STATE, "The message is canceled.")
        if message.paused_at is not None:
            message_lifecycle.resume(connection, church_id=caller.church_id, message=message)
            _record(connection, caller, "message.resumed", message)
        response = _message_response(connection, caller, message_id)
    services().job_queue.enqueue_batch(channel=message.channel, church_id=caller.church_id)
    return response


@endpoint(
    "POST /api/messages/<uuid:message_id>/retry-failed",
    tag="Messages",
    summary="Send failed deliveries again",
    authentication=with_key("messages:write"),
    body=Retry,
    example={"errorCodes": ["30003"]},
    responses=(ResponseSpec(status=200, description="The deliveries are queued.", content=RetryResult),),
    problems=(*_PROBLEMS, problems.DAILY_LIMIT, problems.MONTHLY_QUOTA),
)
def retry_failed(*, caller: KeyHolder, message_id: UUID, body: Retry) -> ApiResponse:
    """Queues deliveries that are `failed` or `undelivered` again, except those of recipients who have opted out."""
    with _locked_message(caller, message_id) as (connection, message):
        if message.canceled_at is not None:
            raise RequestRefused(problems.WRONG_STATE, "The message is canceled.")
        if message.redacted_at is not None or message.prune_began_at is not None:
            raise RequestRefused(problems.WRONG_STATE, "The message is too old: its text is no longer kept.")
        retried = message_lifecycle.retry_failed(
            connection,
            church_id=caller.church_id,
            message_id=message_id,
            reasons=body.reasons,
            error_codes=body.error_codes,
        )
        daily_usage.reserve_again(connection, church_id=caller.church_id, message=message, segments=retried.segments)
        if retried.deliveries:
            _record(connection, caller, "message.retried", message, deliveries=retried.deliveries)
        shown = _counted(connection, caller, message_id)
    services().job_queue.enqueue_batch(channel=message.channel, church_id=caller.church_id)
    return ApiResponse(status=200, content=RetryResult(retried=retried.deliveries, message=shown))


@contextmanager
def _locked_message(caller: KeyHolder, message_id: UUID) -> Generator[tuple[Connection[Any], Message]]:
    """Yield the message with its row locked. Raises RequestRefused (404)."""
    with church_scope(services().database, caller.church_id) as connection:
        message = message_lifecycle.lock(connection, church_id=caller.church_id, message_id=message_id)
        if message is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such message.")
        yield connection, message


def _record(connection: Connection[Any], caller: KeyHolder, action: str, message: Message, **details: int) -> None:
    audit.record(
        connection,
        actor=caller.actor,
        action=action,
        subject=str(message.message_id),
        church_id=caller.church_id,
        details=details,
    )


def _has_unfinished_deliveries(connection: Connection[Any], message: Message) -> bool:
    """Return whether a delivery is not submitted yet or is in doubt. `completed_at` is set later, so it cannot be
    used."""
    counts = messages.counts(connection, message.message_id)
    return message.expanded_at is None or any(counts[status] for status in _UNFINISHED)


def _message_response(connection: Connection[Any], caller: KeyHolder, message_id: UUID) -> ApiResponse:
    return ApiResponse(status=200, content=_counted(connection, caller, message_id))


def _counted(connection: Connection[Any], caller: KeyHolder, message_id: UUID) -> responses.CountedMessage:
    message = messages.get(connection, church_id=caller.church_id, message_id=message_id)
    assert message is not None  # noqa: S101 - it is locked
    return counted_message(connection, church_id=caller.church_id, message=message)
