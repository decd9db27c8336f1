"""POST /api/messages/{id}/resolve and …/deliveries/{id}/resolve: a person resolves deliveries in doubt."""

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
from store import audit, deliveries, message_lifecycle, messages, reconciliation
from store.api_keys import KeyHolder
from store.database import church_scope
from store.messages import Message


class Resolution(RequestModel):
    """How to resolve a delivery in doubt."""

    status: reconciliation.Resolution = Field(
        description=(
            '"sent": record that it was sent. "failed": record that it failed. "queued": send it again, unless the '
            "carrier reports in the meantime that it arrived. A recipient who already has it then gets it twice."
        )
    )


class BulkResolution(Resolution):
    """How to resolve the deliveries in doubt: all of them, or those that match the filters in the request."""

    reasons: Annotated[list[Annotated[str, STORABLE]], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Only deliveries with one of these values of `reason`."
    )
    unknown_for_minutes: int = Field(
        default=0,
        ge=0,
        le=527_040,
        description=(
            "Only deliveries that have been `unknown` for at least this many minutes. More recent ones may still be "
            "found at the carrier."
        ),
    )


class ResolveResult(ResponseModel):
    """How many deliveries were resolved, and the message after that."""

    resolved: int = Field(description="How many deliveries were resolved.")
    message: responses.CountedMessage


@endpoint(
    "POST /api/messages/<uuid:message_id>/deliveries/<uuid:delivery_id>/resolve",
    tag="Messages",
    summary="Resolve a delivery in doubt",
    authentication=with_key("messages:write"),
    body=Resolution,
    example={"status": "queued"},
    responses=(ResponseSpec(status=204, description="The delivery is resolved."),),
    problems=(problems.NOT_FOUND, problems.WRONG_STATE, problems.DAILY_LIMIT, problems.MONTHLY_QUOTA),
)
def resolve_delivery(*, caller: KeyHolder, message_id: UUID, delivery_id: UUID, body: Resolution) -> ApiResponse:
    """Resolves a delivery that is `unknown`: the carrier did not answer when it was submitted, and its list of messages
    does not show whether it accepted the delivery."""
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
            segments = deliveries.segments_of(connection, delivery_id) or message.segments
            daily_usage.reserve_again(connection, church_id=caller.church_id, message=message, segments=segments)
        audit.record(
            connection,
            actor=caller.actor,
            action="delivery.resolved",
            subject=str(delivery_id),
            church_id=caller.church_id,
            details={"messageId": str(message_id), "status": body.status},
        )
    if body.status == "queued":
        services().job_queue.enqueue_batch(channel=message.channel, church_id=caller.church_id)
    return ApiResponse(status=204)


@endpoint(
    "POST /api/messages/<uuid:message_id>/resolve",
    tag="Messages",
    summary="Resolve all deliveries in doubt",
    authentication=with_key("messages:write"),
    body=BulkResolution,
    example={"status": "failed", "unknownForMinutes": 60},
    responses=(ResponseSpec(status=200, description="The deliveries are resolved.", content=ResolveResult),),
    problems=(problems.NOT_FOUND, problems.WRONG_STATE, problems.DAILY_LIMIT, problems.MONTHLY_QUOTA),
)
def resolve_deliveries(*, caller: KeyHolder, message_id: UUID, body: BulkResolution) -> ApiResponse:
    """Resolves all deliveries in doubt of the message in the same way. Repeating the request has no effect, because no
    delivery is in doubt any more."""
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
        sends_again = resolved.deliveries > 0 and body.status == "queued"
        if sends_again:
            message_lifecycle.reopen(connection, church_id=caller.church_id, message_id=message_id)
            daily_usage.reserve_again(
                connection, church_id=caller.church_id, message=message, segments=resolved.segments
            )
        if resolved.deliveries:
            audit.record(
                connection,
                actor=caller.actor,
                action="message.resolved",
                subject=str(message_id),
                church_id=caller.church_id,
                details={"status": body.status, "deliveries": resolved.deliveries},
            )
        resolved_message = messages.get(connection, church_id=caller.church_id, message_id=message_id)
        assert resolved_message is not None  # noqa: S101 - it is locked
        shown = counted_message(connection, church_id=caller.church_id, message=resolved_message)
    if sends_again:
        services().job_queue.enqueue_batch(channel=message.channel, church_id=caller.church_id)
    return ApiResponse(status=200, content=ResolveResult(resolved=resolved.deliveries, message=shown))


def _refuse_sending_canceled(message: Message, body: Resolution) -> None:
    if message.canceled_at is not None and body.status == "queued":
        raise RequestRefused(problems.WRONG_STATE, "The message is canceled.")


def _lock(connection: Connection[Any], caller: KeyHolder, message_id: UUID, *, missing: str) -> Message:
    """Lock the message. Every transaction locks the message before its deliveries. Raises RequestRefused (404)."""
    message = message_lifecycle.lock(connection, church_id=caller.church_id, message_id=message_id)
    if message is None:
        raise RequestRefused(problems.NOT_FOUND, missing)
    return message
