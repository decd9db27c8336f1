"""GET /api/messages and GET /api/messages/{id}."""

from __future__ import annotations

from typing import Annotated, Any, get_args
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema

from api import problems, query_parameters
from api.authentication import with_key
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.messages import responses
from api.messages.counted_message import counted_message
from api.problems import RequestRefused
from api.query_parameters import PageQuery
from api.services import services
from store import messages
from store.api_keys import KeyHolder
from store.database import church_scope
from store.messages import MessageStatus

_STATUSES: tuple[MessageStatus, ...] = get_args(MessageStatus)


def _read_statuses(text: Any) -> list[MessageStatus]:
    return query_parameters.list_values(text, _STATUSES)


class MessageQuery(PageQuery):
    """The query parameters of a page of messages."""

    status: Annotated[
        list[MessageStatus] | None,
        BeforeValidator(_read_statuses),
        WithJsonSchema({"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(_STATUSES)}}),
        Field(description="Only messages with one of these statuses. Repeat the parameter to name several."),
    ] = None


@endpoint(
    "GET /api/messages",
    tag="Messages",
    summary="List messages",
    authentication=with_key("messages:read"),
    query=MessageQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=responses.MessagePage),),
)
def list_messages(*, caller: KeyHolder, query: MessageQuery) -> ApiResponse:
    """Lists the church's messages, newest first. Pass `next` as `cursor` to get the following page."""
    with church_scope(services().database, caller.church_id) as connection:
        found = messages.page(
            connection,
            church_id=caller.church_id,
            before=query.cursor,
            limit=query.limit + 1,
            statuses=query.status,
        )
    shown = found[: query.limit]
    page = responses.MessagePage(
        items=[responses.summary(message) for message in shown],
        next=query_parameters.write_cursor(shown[-1].message_id) if len(found) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)


@endpoint(
    "GET /api/messages/<uuid:message_id>",
    tag="Messages",
    summary="Show a message and its progress",
    authentication=with_key("messages:read"),
    responses=(ResponseSpec(status=200, description="The message and its counts.", content=responses.CountedMessage),),
    problems=(problems.NOT_FOUND,),
)
def get_message(*, caller: KeyHolder, message_id: UUID) -> ApiResponse:
    """Shows the message, its target, its deliveries counted by status, and what it waits for, if anything. `completed`
    means that every delivery has been submitted. `settledAt` is set when the counts are final."""
    with church_scope(services().database, caller.church_id) as connection:
        message = messages.get(connection, church_id=caller.church_id, message_id=message_id)
        if message is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such message.")
        shown = counted_message(connection, church_id=caller.church_id, message=message)
    return ApiResponse(status=200, content=shown)
