"""GET /api/messages/{id}/deliveries."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema

from api import problems, query_parameters
from api.authentication import with_key
from api.base_models import ResponseModel, Timestamp
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.problems import RequestRefused
from api.query_parameters import PageQuery
from api.services import services
from messaging.states import Status, SuppressionReason
from store import deliveries, messages
from store.api_keys import KeyHolder
from store.database import church_scope


def _read_statuses(text: Any) -> list[Status]:
    return query_parameters.list_values(text, tuple(Status))


class DeliveryQuery(PageQuery):
    """The query parameters of a page of deliveries."""

    status: Annotated[
        list[Status] | None,
        BeforeValidator(_read_statuses),
        WithJsonSchema(
            {"type": "array", "minItems": 1, "items": {"type": "string", "enum": [str(status) for status in Status]}}
        ),
        Field(description="Only deliveries with one of these statuses. Repeat the parameter to name several."),
    ] = None


class DeliveryView(ResponseModel):
    """A delivery: one message to one recipient."""

    id: UUID
    contact_id: UUID | None = Field(description="The contact; null if the message was sent to numbers or addresses.")
    address: str | None = Field(
        description=(
            "The recipient's phone number in E.164, or e-mail address; null if there is none, or if it was removed "
            "because it is kept for a limited time."
        )
    )
    status: Status
    reason: str | None = Field(
        description="Why it is not delivered, or not yet. If it is `suppressed`, one of: "
        + ", ".join(SuppressionReason)
        + "."
    )
    error_code: str | None = Field(description="The carrier's error code, if it reported one.")
    attempts: int = Field(description="How many times it was submitted to the carrier, or was about to be.")
    carrier_id: str | None = Field(description="The carrier's id of the delivery, if it reported one.")
    updated_at: Timestamp = Field(description="When the delivery last changed.")
    segments: int | None = Field(
        description=(
            "The segments of the recipient's own text, if its message has merge fields and is a text; else null: those "
            "of the message."
        )
    )
    content: str | None = Field(
        description=(
            "The text of this recipient, if its message has merge fields. It is fixed when the delivery is created. "
            "Null if everybody gets the `content` of the message, or if the text is no longer kept."
        )
    )
    details: dict[str, Any] | None = Field(
        description="As `content`: the channel's own fields for this recipient, such as the `subject` of an e-mail."
    )
    waits_until: Timestamp | None = Field(
        description="The earliest time at which a `queued` delivery is sent: after a retry delay, or after quiet hours."
    )


class DeliveryPage(ResponseModel):
    """Deliveries, in the order in which they are sent."""

    items: list[DeliveryView]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")
    pruned_at: Timestamp | None = Field(
        description=(
            "Since when the deliveries of the message are not kept any more: `items` is empty, and the `counts` of the "
            "message stay. Null while they are kept."
        )
    )


@endpoint(
    "GET /api/messages/<uuid:message_id>/deliveries",
    tag="Messages",
    summary="List a message's deliveries",
    authentication=with_key("messages:read"),
    query=DeliveryQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=DeliveryPage),),
    problems=(problems.NOT_FOUND,),
)
def list_deliveries(*, caller: KeyHolder, message_id: UUID, query: DeliveryQuery) -> ApiResponse:
    """Lists the deliveries of the message with their status, including those that are never sent (`suppressed`). They
    are kept for a limited time: afterwards the list is empty, and `prunedAt` is the time since which it is."""
    found: list[deliveries.Delivery] = []
    with church_scope(services().database, caller.church_id) as connection:
        message = messages.get(connection, church_id=caller.church_id, message_id=message_id)
        if message is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such message.")
        if message.prune_began_at is None:
            found = deliveries.page(
                connection,
                church_id=caller.church_id,
                message_id=message_id,
                statuses=query.status,
                after=query.cursor,
                limit=query.limit + 1,
            )
    shown = found[: query.limit]
    page = DeliveryPage(
        items=[_view(delivery) for delivery in shown],
        next=query_parameters.write_cursor(shown[-1].delivery_id) if len(found) > len(shown) else None,
        pruned_at=message.prune_began_at,
    )
    return ApiResponse(status=200, content=page)


def _view(delivery: deliveries.Delivery) -> DeliveryView:
    return DeliveryView(
        id=delivery.delivery_id,
        contact_id=delivery.contact_id,
        address=delivery.address,
        status=Status(delivery.status),
        reason=delivery.reason,
        error_code=delivery.error_code,
        attempts=delivery.attempts,
        carrier_id=delivery.carrier_id,
        updated_at=delivery.updated_at,
        waits_until=delivery.waits_until,
        segments=delivery.segments,
        content=delivery.content,
        details=delivery.details,
    )
