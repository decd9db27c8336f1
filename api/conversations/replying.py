"""POST /api/conversations/{id}/reply and /api/inbound/{id}/reply: one text to one person, before every broadcast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from psycopg import Connection
from pydantic import AfterValidator, Field

from api import problems
from api.authentication import with_key
from api.base_models import STORABLE, RequestModel, ResponseModel, Timestamp, field_error
from api.conversations.found_conversation import FoundConversation, find_conversation
from api.conversations.views import CHANNEL
from api.direct_texts import enqueue_direct_text, write_direct_text
from api.endpoints import ApiResponse, Header, ResponseSpec, endpoint
from api.idempotency import IDEMPOTENCY_KEY, RESPONSE_HEADERS, idempotency_headers, idempotency_key
from api.messages.sending_checks import unavailable
from api.problems import RequestRefused
from api.request_digest import request_digest_to
from api.request_ids import request_id
from api.services import services
from channels.registry import CHANNELS
from messaging import merge_fields
from messaging.states import SuppressionReason
from store import conversations, opt_outs, received_messages
from store.api_keys import KeyHolder
from store.database import church_scope
from store.direct_texts import DirectText, NewDirectText
from store.messages import NoSender

ANSWERED_WITHIN = timedelta(hours=24)
"""A reply to a person who has written within this time is sent at any hour: they are awake, and expect it."""
_URGENT_REASON = "answers a message of the last 24 hours"
_OF_CHURCH = "The person has opted out of this church's messages, so nothing can be sent to them."
_OF_SENDER = (
    "The person sent STOP to the number from which the church texts, and the carrier refuses further texts from it, so "
    "nothing can be sent to them."
)
_LOCATION = Header(
    name="Location", description="The path of the message.", schema={"type": "string", "format": "uri-reference"}
)


def _check_content(content: str) -> str:
    message = CHANNELS[CHANNEL].check_content(content)
    if message is not None:
        raise field_error(message)
    if merge_fields.has_braces(content):
        raise field_error("has {{: merge fields are not replaced in a text to one person; write the words themselves")
    return content


class Reply(RequestModel):
    """A text to one person."""

    content: Annotated[str, STORABLE, AfterValidator(_check_content)] = Field(
        description="The text, at most 1,600 characters, without merge fields."
    )


class AcceptedReply(ResponseModel):
    """A reply that was accepted and will be sent."""

    id: UUID = Field(description="The id of the message: `/api/messages/{id}` shows how far it has got.")
    conversation_id: UUID | None = Field(description="The conversation to which it belongs.")
    segments: int
    keeps_quiet_hours: bool = Field(
        description=(
            "Whether it waits for the hours in which the church texts people. It does not if the person has written "
            "within the last 24 hours."
        )
    )
    created_at: Timestamp


_ACCEPTED = ResponseSpec(
    status=202,
    description="Accepted: the reply is stored and will be sent.",
    content=AcceptedReply,
    headers=(_LOCATION, *RESPONSE_HEADERS),
)
_PROBLEMS = (
    problems.NOT_FOUND,
    problems.WRONG_STATE,
    problems.OPTED_OUT,
    problems.CHURCH_SUSPENDED,
    problems.KEY_REUSED,
    problems.DAILY_LIMIT,
    problems.MONTHLY_QUOTA,
)
_EXAMPLE = {"content": "Yes, the hall is open from nine. See you then!"}


@endpoint(
    "POST /api/conversations/<uuid:conversation_id>/reply",
    tag="Conversations",
    summary="Write to one person",
    authentication=with_key("conversations:write"),
    body=Reply,
    headers=(IDEMPOTENCY_KEY,),
    example=_EXAMPLE,
    responses=(_ACCEPTED,),
    problems=_PROBLEMS,
)
def reply_to_conversation(*, caller: KeyHolder, conversation_id: UUID, body: Reply) -> ApiResponse:
    """Sends one text to the person, before everything else that the church has queued. The id is that of the
    conversation, or of a contact. Within 24 hours after the person wrote it is sent at any hour, otherwise within the
    hours in which the church texts people. It is refused if the number is opted out of the church, or of
    the number from which it texts. Send an `Idempotency-Key`, so
    that you can safely repeat the request."""
    with church_scope(services().database, caller.church_id) as connection:
        found = find_conversation(connection, caller.church_id, conversation_id)
        new, text = _write(connection, caller, found, body)
    return _accept(new, text)


@endpoint(
    "POST /api/inbound/<uuid:inbound_message_id>/reply",
    tag="Conversations",
    summary="Answer an inbound message",
    authentication=with_key("conversations:write"),
    body=Reply,
    headers=(IDEMPOTENCY_KEY,),
    example=_EXAMPLE,
    responses=(_ACCEPTED,),
    problems=_PROBLEMS,
)
def reply_to_inbound(*, caller: KeyHolder, inbound_message_id: UUID, body: Reply) -> ApiResponse:
    """Sends one text to the person who wrote the message, whether they are a contact or not; otherwise as a reply to
    a conversation. It does not mark the message as read."""
    with church_scope(services().database, caller.church_id) as connection:
        message = received_messages.get(connection, church_id=caller.church_id, inbound_message_id=inbound_message_id)
        if message is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such message.")
        if not message.from_address:
            raise RequestRefused(problems.WRONG_STATE, "The number is no longer kept: the message is too old.")
        found = FoundConversation(address=message.from_address, conversation_id=None, contact_id=None)
        new, text = _write(connection, caller, found, body)
    return _accept(new, text)


def _write(
    connection: Connection[Any], caller: KeyHolder, found: FoundConversation, body: Reply
) -> tuple[NewDirectText, DirectText]:
    """Write the reply in this transaction. Raises RequestRefused, which rolls it back."""
    church_id = caller.church_id
    if reason := unavailable(CHANNEL):
        raise RequestRefused(problems.WRONG_STATE, f"Nothing can be sent: {CHANNEL} {reason}.")
    since = datetime.now(UTC) - ANSWERED_WITHIN
    is_answer = conversations.wrote_since(connection, church_id=church_id, address=found.address, since=since)
    new = NewDirectText(
        church_id=church_id,
        channel=CHANNEL,
        kind="reply",
        address=found.address,
        content=body.content,
        segments=CHANNELS[CHANNEL].count_segments(body.content),
        idempotency_key=idempotency_key(),
        request_id=request_id(),
        contact_id=found.contact_id,
        request_hash=request_digest_to(body, found.address),
        urgent_reason=_URGENT_REASON if is_answer else None,
        accepted_by=caller.actor,
    )
    try:
        text = write_direct_text(connection, new)
    except NoSender:
        detail = f"The church has no sender for {CHANNEL} yet: ask the operator to set one."
        raise RequestRefused(problems.WRONG_STATE, detail) from None
    if text.message.request_hash != new.request_hash:
        raise RequestRefused(problems.KEY_REUSED, "This Idempotency-Key was already used for another message.")
    if text.is_new:
        _refuse_unreachable(connection, new, text)
    return new, text


def _refuse_unreachable(connection: Connection[Any], new: NewDirectText, text: DirectText) -> None:
    """Raise RequestRefused if the text would not be sent. A repeated request is answered as the first was."""
    opt_out = opt_outs.get_holding(connection, church_id=new.church_id, address=new.address, channel=new.channel)
    if opt_out is not None:
        raise RequestRefused(problems.OPTED_OUT, _OF_CHURCH if opt_out.sender is None else _OF_SENDER)
    if text.suppression is SuppressionReason.REGION_NOT_ALLOWED:
        raise RequestRefused(
            problems.WRONG_STATE,
            "The number is in a region that the church may not text: the operator can allow more regions.",
        )
    if text.suppression is not None:
        raise RequestRefused(problems.WRONG_STATE, "Numbers of this kind are never texted.")


def _accept(new: NewDirectText, text: DirectText) -> ApiResponse:
    if text.is_new:
        enqueue_direct_text(text, new)
    message = text.message
    content = AcceptedReply(
        id=message.message_id,
        conversation_id=text.conversation_id,
        segments=message.segments,
        keeps_quiet_hours=message.urgent_reason is None,
        created_at=message.created_at,
    )
    headers = {"Location": f"/api/messages/{message.message_id}", **idempotency_headers(is_new=text.is_new)}
    return ApiResponse(status=202, content=content, headers=headers)
