"""GET /api/messages/{id}/links."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from api import problems
from api.authentication import with_key
from api.base_models import ResponseModel, Timestamp
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.problems import RequestRefused
from api.services import services
from store import links, messages
from store.api_keys import KeyHolder
from store.database import church_scope


class LinkView(ResponseModel):
    """A short link in the text of a message."""

    url: str | None = Field(description="Where it leads; null if it was removed together with the text of the message.")
    short_url: str = Field(description="What the text contains instead.")
    clicks: int = Field(
        description=(
            "How often it was opened, by anyone: the same person counts each time. Programs that preview links are "
            "left out as far as they identify themselves. Clicks are counted about a second late."
        )
    )
    first_clicked_at: Timestamp | None
    last_clicked_at: Timestamp | None
    expires_at: Timestamp = Field(description="When it stops working: a year after the message's `sendAt`.")


class LinkList(ResponseModel):
    """The short links of a message, in the order of its text."""

    items: list[LinkView]


@endpoint(
    "GET /api/messages/<uuid:message_id>/links",
    tag="Messages",
    summary="List the short links of a message and their clicks",
    authentication=with_key("messages:read"),
    responses=(ResponseSpec(status=200, description="The links.", content=LinkList),),
    problems=(problems.NOT_FOUND,),
)
def list_links(*, caller: KeyHolder, message_id: UUID) -> ApiResponse:
    """Lists the short links that the message was accepted with (`shortenLinks`), and how often each was opened. The
    list is empty if its links were not shortened."""
    with church_scope(services().database, caller.church_id) as connection:
        if messages.get(connection, church_id=caller.church_id, message_id=message_id) is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such message.")
        found = links.of_message(connection, church_id=caller.church_id, message_id=message_id)
    items = [
        LinkView(
            url=link.url,
            short_url=link.short_url,
            clicks=link.clicks,
            first_clicked_at=link.first_clicked_at,
            last_clicked_at=link.last_clicked_at,
            expires_at=link.expires_at,
        )
        for link in found
    ]
    return ApiResponse(status=200, content=LinkList(items=items))
