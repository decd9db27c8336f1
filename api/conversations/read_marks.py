"""POST /api/inbound/{id}/read and unread, POST /api/conversations/{id}/read: what staff have read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection
from pydantic import Field

from api import problems
from api.authentication import with_key
from api.base_models import RequestModel, ResponseModel
from api.conversations import views
from api.conversations.found_conversation import find_conversation
from api.conversations.views import InboundMessage
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.problems import RequestRefused
from api.services import services
from store import audit, received_messages
from store.api_keys import KeyHolder
from store.database import church_scope
from store.received_messages import MOST_MARKED

_CURRENT = (ResponseSpec(status=200, description="The message after the change.", content=InboundMessage),)


class ReadRange(RequestModel):
    """Up to where a conversation was read."""

    up_to: UUID | None = Field(
        default=None,
        description=(
            "The id of the last inbound message that the reader has seen, so that one which came meanwhile stays "
            "unread. Without it, all are marked."
        ),
    )


class ReadMessages(ResponseModel):
    """What was marked."""

    marked: int = Field(
        description=f"How many messages were unread before. If {MOST_MARKED}, more may be left: repeat the request."
    )


@endpoint(
    "POST /api/inbound/<uuid:inbound_message_id>/read",
    tag="Conversations",
    summary="Mark an inbound message as read",
    authentication=with_key("conversations:write"),
    responses=_CURRENT,
    problems=(problems.NOT_FOUND,),
)
def mark_inbound_read(*, caller: KeyHolder, inbound_message_id: UUID) -> ApiResponse:
    """Sets `readAt`. Repeating the request has no effect."""
    return _mark(caller, inbound_message_id, is_read=True)


@endpoint(
    "POST /api/inbound/<uuid:inbound_message_id>/unread",
    tag="Conversations",
    summary="Mark an inbound message as unread",
    authentication=with_key("conversations:write"),
    responses=_CURRENT,
    problems=(problems.NOT_FOUND,),
)
def mark_inbound_unread(*, caller: KeyHolder, inbound_message_id: UUID) -> ApiResponse:
    """Removes `readAt`, for example for a message that somebody else is to answer. Repeating the request has no
    effect."""
    return _mark(caller, inbound_message_id, is_read=False)


@endpoint(
    "POST /api/conversations/<uuid:conversation_id>/read",
    tag="Conversations",
    summary="Mark a conversation as read",
    authentication=with_key("conversations:write"),
    body=ReadRange,
    example={"upTo": "0197a3f3-0a2b-7d31-9c44-2f1d7c6b5a90"},
    responses=(ResponseSpec(status=200, description="The messages are marked.", content=ReadMessages),),
    problems=(problems.NOT_FOUND, problems.WRONG_STATE),
)
def mark_conversation_read(*, caller: KeyHolder, conversation_id: UUID, body: ReadRange) -> ApiResponse:
    """Marks what the person wrote as read. The id is that of the conversation, or of a contact. Repeating the request
    has no effect."""
    with church_scope(services().database, caller.church_id) as connection:
        found = find_conversation(connection, caller.church_id, conversation_id)
        marked = received_messages.set_read_up_to(
            connection, church_id=caller.church_id, address=found.address, up_to=body.up_to
        )
        if marked:
            _record(connection, caller, "conversation.read", conversation_id, messages=marked)
    return ApiResponse(status=200, content=ReadMessages(marked=marked))


def _mark(caller: KeyHolder, inbound_message_id: UUID, *, is_read: bool) -> ApiResponse:
    with church_scope(services().database, caller.church_id) as connection:
        changed = received_messages.set_read(
            connection, church_id=caller.church_id, inbound_message_id=inbound_message_id, is_read=is_read
        )
        message = received_messages.get(connection, church_id=caller.church_id, inbound_message_id=inbound_message_id)
        if message is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such message.")
        if changed:
            _record(connection, caller, "inbound.read" if is_read else "inbound.unread", inbound_message_id)
        phone = message.from_address
        contacts = received_messages.contacts_of_numbers(connection, church_id=caller.church_id, phones=[phone])
    return ApiResponse(status=200, content=views.inbound_message(message, contacts[phone]))


def _record(connection: Connection[Any], caller: KeyHolder, action: str, subject: UUID, **details: int) -> None:
    audit.record(
        connection,
        actor=caller.actor,
        action=action,
        subject=str(subject),
        church_id=caller.church_id,
        details=details,
    )
