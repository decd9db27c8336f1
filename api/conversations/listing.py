"""GET /api/conversations."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api import query_parameters
from api.authentication import with_key
from api.base_models import ResponseModel, Timestamp
from api.conversations import views
from api.conversations.views import CHANNEL, OPTED_OUT_AT, ContactName
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.query_parameters import PageQuery
from api.services import services
from store import conversations, received_messages
from store.api_keys import KeyHolder
from store.conversations import MOST_UNREAD, LatestConversation
from store.database import church_scope
from store.received_messages import NamedContact


class LastText(ResponseModel):
    """The last text of a conversation. Broadcasts do not count."""

    direction: Literal["in", "out"] = Field(description="`in`: the person wrote it. `out`: the church did.")
    content: str
    at: Timestamp


class ConversationSummary(ResponseModel):
    """A number with which the church exchanges texts."""

    id: UUID
    phone: str
    contacts: list[ContactName] = Field(description="The contacts with the number, at most 10; empty for a stranger.")
    unread: int = Field(
        description=f"How many of the person's replies are not marked as read, up to {MOST_UNREAD}.", le=MOST_UNREAD
    )
    last: LastText | None = Field(description="Null if it is no longer kept.")
    opted_out_at: Timestamp | None = Field(description=OPTED_OUT_AT)


class ConversationPage(ResponseModel):
    """Conversations, the one with the latest text first."""

    items: list[ConversationSummary]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


_EXAMPLE: dict[str, Any] = {
    "items": [
        {
            "id": "0197a3f3-0a2b-7d31-9c44-2f1d7c6b5a90",
            "phone": "+12025550123",
            "contacts": [{"id": "0197a3f0-6f2e-7b52-8a67-9d1c3e4f5a6b", "name": "Ruth Miller"}],
            "unread": 1,
            "last": {"direction": "in", "content": "Thank you!", "at": "2026-12-24T22:03:11Z"},
            "optedOutAt": None,
        }
    ],
    "next": None,
}


@endpoint(
    "GET /api/conversations",
    tag="Conversations",
    summary="List conversations",
    authentication=with_key("conversations:read"),
    query=PageQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=ConversationPage, example=_EXAMPLE),),
)
def list_conversations(*, caller: KeyHolder, query: PageQuery) -> ApiResponse:
    """Lists the numbers that wrote replies to the church, or to which the church wrote alone, the latest text first.
    Pass `next` as `cursor` to get the following page. A conversation that gets a text meanwhile moves to the first
    page."""
    with church_scope(services().database, caller.church_id) as connection:
        found = conversations.page(
            connection, church_id=caller.church_id, channel=CHANNEL, before=query.cursor, limit=query.limit + 1
        )
        shown = found[: query.limit]
        phones = [each.address for each in shown]
        contacts = received_messages.contacts_of_numbers(connection, church_id=caller.church_id, phones=phones)
    page = ConversationPage(
        items=[_summary(each, contacts[each.address]) for each in shown],
        next=query_parameters.write_cursor(shown[-1].last_reply_id) if len(found) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)


def _summary(conversation: LatestConversation, contacts: list[NamedContact]) -> ConversationSummary:
    last = None
    if conversation.last_at is not None:
        direction: Literal["in", "out"] = "in" if conversation.last_is_inbound else "out"
        last = LastText(direction=direction, content=conversation.last_content or "", at=conversation.last_at)
    return ConversationSummary(
        id=conversation.conversation_id,
        phone=conversation.address,
        contacts=views.contact_names(contacts),
        unread=conversation.unread,
        last=last,
        opted_out_at=conversation.opted_out_at,
    )
