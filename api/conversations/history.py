"""GET /api/conversations/{id}: what a person and the church wrote to each other."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from api import problems
from api.authentication import with_key
from api.base_models import RequestModel, ResponseModel, Timestamp
from api.conversations import views
from api.conversations.found_conversation import FoundConversation, find_conversation
from api.conversations.views import CHANNEL, OPTED_OUT_AT, ContactName, Keyword, Media
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.place_cursors import PlaceCursor, write_place
from api.query_parameters import PageQuery
from api.services import services
from messaging.states import Status
from store import conversations, opt_outs, received_messages
from store.api_keys import KeyHolder
from store.conversations import MOST_UNREAD, History, Text
from store.database import church_scope
from store.opt_outs import OptOut
from store.received_messages import NamedContact


class HistoryQuery(RequestModel):
    """The query parameters of a page of a conversation."""

    limit: Annotated[int, PageQuery.model_fields["limit"]] = PageQuery.model_fields["limit"].default
    cursor: PlaceCursor = Field(default=None, description="The `next` of the previous page. Omit it at first.")


class ConversationText(ResponseModel):
    """A text that the person wrote (`in`), or that was sent to them (`out`)."""

    id: UUID = Field(description="Of the inbound message, or of the message that was sent (`/api/messages/{id}`).")
    direction: Literal["in", "out"]
    kind: Literal["inbound", "broadcast", "reply", "confirmation"] = Field(
        description=(
            "`inbound`: the person wrote it. `broadcast`: a message to many. `reply`: to this person alone. "
            "`confirmation`: the service answered a keyword."
        )
    )
    channel: str
    content: str
    media: list[Media] = Field(description="What the person sent with it.")
    keyword: Keyword | None = Field(description="What the person's words asked for, if the service understood them.")
    at: Timestamp = Field(description="When it was received, or due to be sent.")
    read_at: Timestamp | None = Field(description="When it was marked as read; of what the person wrote.")
    delivery_id: UUID | None
    status: Status | None = Field(description="Of what was sent: how far it has got.")
    reason: str | None
    error_code: str | None


class Conversation(ResponseModel):
    """What a person and the church wrote to each other, newest first."""

    id: UUID | None = Field(description="Null if neither has written to the other alone yet.")
    phone: str
    contacts: list[ContactName] = Field(description="The contacts with the number, at most 10; empty for a stranger.")
    unread: int = Field(
        description=f"How many of the person's replies are not marked as read, up to {MOST_UNREAD}.", le=MOST_UNREAD
    )
    opted_out_at: Timestamp | None = Field(description=OPTED_OUT_AT)
    items: list[ConversationText]
    next: str | None = Field(
        description=(
            "Pass it as `cursor` to get older texts; null if there are none. A page may have fewer texts than `limit`, "
            "or none, although there are older ones."
        )
    )


@endpoint(
    "GET /api/conversations/<uuid:conversation_id>",
    tag="Conversations",
    summary="Show a conversation",
    authentication=with_key("conversations:read"),
    query=HistoryQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=Conversation),),
    problems=(problems.NOT_FOUND, problems.WRONG_STATE),
)
def get_conversation(*, caller: KeyHolder, conversation_id: UUID, query: HistoryQuery) -> ApiResponse:
    """Returns what the person wrote and what was sent to them by text or picture message, newest first: broadcasts
    too. The id is that of the conversation, or of a contact. Messages that were suppressed for this person are left
    out, as are those whose text or deliveries are no longer kept."""
    church_id = caller.church_id
    with church_scope(services().database, church_id) as connection:
        found = find_conversation(connection, church_id, conversation_id)
        history = conversations.history(
            connection,
            church_id=church_id,
            address=found.address,
            conversation_id=found.conversation_id,
            before=query.cursor or conversations.END,
            limit=query.limit,
        )
        unread = conversations.count_unread(connection, church_id=church_id, address=found.address)
        opt_out = opt_outs.get_holding(connection, church_id=church_id, address=found.address, channel=CHANNEL)
        contacts = received_messages.contacts_of_numbers(connection, church_id=church_id, phones=[found.address])
    content = _view(found, history, unread=unread, opt_out=opt_out, contacts=contacts[found.address])
    return ApiResponse(status=200, content=content)


def _view(
    found: FoundConversation,
    history: History,
    *,
    unread: int,
    opt_out: OptOut | None,
    contacts: list[NamedContact],
) -> Conversation:
    return Conversation(
        id=found.conversation_id,
        phone=found.address,
        contacts=views.contact_names(contacts),
        unread=unread,
        opted_out_at=opt_out.opted_out_at if opt_out else None,
        items=[_text(text) for text in history.texts],
        next=write_place(history.next) if history.next else None,
    )


def _text(text: Text) -> ConversationText:
    return ConversationText.model_validate(
        {
            "id": text.id,
            "direction": "in" if text.kind == "inbound" else "out",
            "kind": text.kind,
            "channel": text.channel,
            "content": text.content,
            "media": views.media(text.media),
            "keyword": text.keyword,
            "at": text.shown_at,
            "read_at": text.read_at,
            "delivery_id": text.delivery_id,
            "status": text.status,
            "reason": text.reason,
            "error_code": text.error_code,
        }
    )
