"""POST /api/messages/{id}/deliveries/{id}/resolve: a person decides what nobody could find out."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from api import problems
from api.authentication import with_key
from api.endpoints import Answer, Promise, endpoint
from api.messages import limits
from api.problems import Refusal
from api.services import services
from api.shapes import Given
from store import doubts, messages
from store.churches import KeyHolder
from store.database import church_scope


class Resolution(Given):
    """What is to be believed of a delivery in doubt."""

    status: Literal["sent", "failed", "queued"] = Field(
        description='"sent": the recipient has it. "failed": give it up. "queued": send it (again, if it had arrived).'
    )


@endpoint(
    "POST /api/messages/<uuid:message_id>/deliveries/<uuid:delivery_id>/resolve",
    tag="Messages",
    summary="Decide a delivery in doubt",
    authentication=with_key("messages:write"),
    body=Resolution,
    example={"status": "queued"},
    promises=(Promise(status=204, description="So it stands now."),),
    problems=(problems.NOT_FOUND, problems.WRONG_STATE, problems.DAILY_LIMIT),
)
def resolve_delivery(*, caller: KeyHolder, message_id: UUID, delivery_id: UUID, body: Resolution) -> Answer:
    """For a delivery that is `unknown`: the carrier gave no answer, and its list could not settle it."""
    with church_scope(services().database, caller.church_id) as connection:
        resolved = doubts.resolve(
            connection,
            church_id=caller.church_id,
            message_id=message_id,
            delivery_id=delivery_id,
            status=body.status,
        )
        message = messages.get(connection, church_id=caller.church_id, message_id=message_id)
        if resolved is None or message is None:
            raise Refusal(problems.NOT_FOUND, "There is no such delivery.")
        if not resolved:
            raise Refusal(problems.WRONG_STATE, "The delivery is in no doubt.")
        if body.status == "queued":
            messages.reopen(connection, church_id=caller.church_id, message_id=message_id)
            limits.reserve_again(connection, church_id=caller.church_id, message=message, deliveries=1)
    if body.status == "queued":
        services().doorbell.ring_turn(channel=message.channel, church_id=caller.church_id)
    return Answer(status=204)
