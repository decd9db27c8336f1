"""POST /api/messages/{id}/resolve and …/deliveries/{id}/resolve: a person decides what nobody could find out."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from psycopg import Connection
from pydantic import Field

from api import problems
from api.authentication import with_key
from api.base_models import STORABLE, RequestModel, ResponseModel
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.messages import daily_usage, responses
from api.messages.counted_message import counted_message
from api.problems import RequestRefused
from api.services import services
from store import message_lifecycle, messages, reconciliation
from store.churches import KeyHolder
from store.database import church_scope
from store.messages import Message


class Resolution(RequestModel):
    """The decision about a delivery in doubt."""

    status: reconciliation.Resolution = Field(
        description=(
            '"sent": the recipient has it. "failed": give it up. "queued": send it (again, if it had '
            "arrived), unless the carrier reports meanwhile that it arrived."
        )
    )


class BulkResolution(Resolution):
    """The decision about all deliveries in doubt, or about some. With both filters, about those that match both."""

    reasons: Annotated[list[Annotated[str, STORABLE]], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Only deliveries with one of these values of `reason`."
    )
    unknown_for_minutes: int = Field(
        default=0,
        ge=0,
        le=527_040,
        description=(
            "Only deliveries that have been `unknown` for this long. The carrier is still being asked about newer ones."
        ),
    )


class ResolveResult(ResponseModel):
    """The result of resolving."""

    resolved: int = Field(description="How many deliveries were in doubt and no longer are.")
    message: responses.CountedMessage


@endpoint(
    "POST /api/messages/<uuid:message_id>/deliveries/<uuid:delivery_id>/resolve",
    tag="Messages",
    summary="Decide a delivery in doubt",
    authentication=with_key("messages:write"),
    body=Resolution,
    example={"status": "queued"},
    responses=(ResponseSpec(status=204, description="The decision is stored."),),
    problems=(problems.NOT_FOUND, problems.WRONG_STATE, problems.DAILY_LIMIT),
)
def resolve_delivery(*, caller: KeyHolder, message_id: UUID, delivery_id: UUID, body: Resolution) -> ApiResponse:
    """Decides a delivery that is `unknown`: the carrier did not answer, and its list of messages did not show what
    happened."""
    with church_scope(services().database, caller.church_id) as connection:
        message = _lock(connection, caller, message_id, missing="There is no such delivery.")
        _refuse_sending_canceled(message, body)
        resolved = reconciliation.resolve(
            connection,
            church_id=caller.church_id,
            message_id=message_id,
            delivery_id=delivery_id,
            status=body.status,
        )
        if resolved is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such delivery.")
        if not resolved:
            raise RequestRefused(problems.WRONG_STATE, "The delivery is not in doubt.")
        if body.status == "queued":
            message_lifecycle.reopen(connection, church_id=caller.church_id, message_id=message_id)
            daily_usage.reserve_again(connection, church_id=caller.church_id, message=message, deliveries=1)
    if body.status == "queued":
        services().job_queue.enqueue_batch(channel=message.channel, church_id=caller.church_id)
    return ApiResponse(status=204)


@endpoint(
    "POST /api/messages/<uuid:message_id>/resolve",
    tag="Messages",
    summary="Decide all deliveries in doubt",
    authentication=with_key("messages:write"),
    body=BulkResolution,
    example={"status": "failed", "unknownForMinutes": 60},
    responses=(ResponseSpec(status=200, description="The decision is stored.", content=ResolveResult),),
    problems=(problems.NOT_FOUND, problems.WRONG_STATE, problems.DAILY_LIMIT),
)
def resolve_deliveries(*, caller: KeyHolder, message_id: UUID, body: BulkResolution) -> ApiResponse:
    """Decides all deliveries in doubt of the message the same way. Repeating the request changes nothing, because none
    is left."""
    with church_scope(services().database, caller.church_id) as connection:
        message = _lock(connection, caller, message_id, missing="There is no such message.")
        _refuse_sending_canceled(message, body)
        resolved = reconciliation.resolve_all(
            connection,
            church_id=caller.church_id,
            message_id=message_id,
            status=body.status,
            reasons=body.reasons,
            least_seconds=60.0 * body.unknown_for_minutes,
        )
        sends_again = resolved > 0 and body.status == "queued"
        if sends_again:
            message_lifecycle.reopen(connection, church_id=caller.church_id, message_id=message_id)
            daily_usage.reserve_again(connection, church_id=caller.church_id, message=message, deliveries=resolved)
        resolved_message = messages.get(connection, church_id=caller.church_id, message_id=message_id)
        assert resolved_message is not None  # noqa: S101 - it is locked
        shown = counted_message(connection, church_id=caller.church_id, message=resolved_message)
    if sends_again:
        services().job_queue.enqueue_batch(channel=message.channel, church_id=caller.church_id)
    return ApiResponse(status=200, content=ResolveResult(resolved=resolved, message=shown))


def _refuse_sending_canceled(message: Message, body: Resolution) -> None:
    if message.canceled_at is not None and body.status == "queued":
        raise RequestRefused(problems.WRONG_STATE, "The message is canceled.")


def _lock(connection: Connection[Any], caller: KeyHolder, message_id: UUID, *, missing: str) -> Message:
    """Lock the message. Every transaction locks the message before its deliveries. Raises RequestRefused (404)."""
    message = message_lifecycle.lock(connection, church_id=caller.church_id, message_id=message_id)
    if message is None:
        raise RequestRefused(problems.NOT_FOUND, missing)
    return message
