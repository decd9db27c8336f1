"""GET /api/inbound: what people wrote to the church."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema

from api import problems, query_parameters
from api.authentication import with_key
from api.base_models import ResponseModel, field_error
from api.conversations import views
from api.conversations.views import InboundMessage
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.problems import RequestRefused
from api.query_parameters import PageQuery
from api.services import services
from store import conversations, received_messages
from store.api_keys import KeyHolder
from store.database import church_scope


def _read_switch(text: Any) -> Any:
    if text not in ("true", "false"):
        raise field_error("must be true or false")
    return text == "true"


def _read_id(text: Any) -> Any:
    try:
        return UUID(str(text))
    except ValueError:
        raise field_error("must be the id of a contact or of a conversation") from None


Switch = Annotated[bool, BeforeValidator(_read_switch), WithJsonSchema({"type": "boolean"})]


class InboundQuery(PageQuery):
    """The query parameters of a page of inbound messages."""

    conversation: Annotated[
        UUID | None, BeforeValidator(_read_id), WithJsonSchema({"type": "string", "format": "uuid"})
    ] = Field(default=None, description="Only of this conversation: its id, or the id of a contact.")
    unread: Switch = Field(default=False, description="`true`: only replies that are not marked as read.")
    keywords: Switch = Field(
        default=False, description="`true`: also messages such as STOP, which the service has understood itself."
    )


class InboundPage(ResponseModel):
    """Inbound messages, newest first."""

    items: list[InboundMessage]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


@endpoint(
    "GET /api/inbound",
    tag="Conversations",
    summary="List what people wrote",
    authentication=with_key("conversations:read"),
    query=InboundQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=InboundPage),),
    problems=(problems.NOT_FOUND,),
)
def list_inbound(*, caller: KeyHolder, query: InboundQuery) -> ApiResponse:
    """Lists the messages that people wrote to the church's numbers, newest first. Pass `next` as `cursor` to get the
    following page. A message whose words the service has understood, such as STOP, is left out unless `keywords` is
    true."""
    with church_scope(services().database, caller.church_id) as connection:
        address = None
        if query.conversation is not None:
            found = conversations.find(connection, church_id=caller.church_id, any_id=query.conversation)
            if found is None:
                raise RequestRefused(problems.NOT_FOUND, "There is no such contact or conversation.")
            address = found.address or ""
        messages = received_messages.page(
            connection,
            church_id=caller.church_id,
            before=query.cursor,
            limit=query.limit + 1,
            address=address,
            only_unread=query.unread,
            with_keywords=query.keywords,
        )
        shown = messages[: query.limit]
        phones = [message.from_address for message in shown]
        contacts = received_messages.contacts_of_numbers(connection, church_id=caller.church_id, phones=phones)
    page = InboundPage(
        items=[views.inbound_message(message, contacts[message.from_address]) for message in shown],
        next=query_parameters.write_cursor(shown[-1].inbound_message_id) if len(messages) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)
