"""GET /api/opt-outs."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema

from api.authentication import with_key
from api.base_models import RequestModel, ResponseModel, Timestamp, field_error
from api.consent.addressees import Address, addresses_of_contact
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.place_cursors import PlaceCursor, write_place
from api.problems import NOT_FOUND, WRONG_STATE
from api.query_parameters import PageQuery
from api.services import services
from store import consent, conversations
from store.api_keys import KeyHolder
from store.conversations import Place
from store.database import church_scope

Source = Literal["command", "api", "import", "keyword", "carrier", "unsubscribe link", "bounce"]
SOURCES = (
    "Where it comes from. `api`: a program of the church. `import`: a file of the church. `keyword`: the person texted "
    "STOP or the like. `carrier`: the carrier refuses texts to the person, who sent STOP there. `unsubscribe link`: "
    "the link in an e-mail. `bounce`: an e-mail bounced. `command`: the operator."
)


def _read_id(text: Any) -> Any:
    try:
        return UUID(str(text))
    except ValueError:
        raise field_error("must be the id of a contact") from None


class OptOutQuery(RequestModel):
    """The query parameters of a page of opt-outs."""

    limit: Annotated[int, PageQuery.model_fields["limit"]] = PageQuery.model_fields["limit"].default
    cursor: PlaceCursor = Field(default=None, description="The `next` of the previous page. Omit it at first.")
    contact: Annotated[UUID | None, BeforeValidator(_read_id), WithJsonSchema({"type": "string", "format": "uuid"})] = (
        Field(default=None, description="Only of the addresses of this contact: its id.")
    )
    address: Address | None = Field(
        default=None,
        description="Only of this phone number or e-mail address. URLs may be logged on their way: prefer `contact`.",
    )
    source: Source | None = Field(default=None, description="Only from this source.")


class OptOutView(ResponseModel):
    """An address to which the church sends nothing, or nothing from one of its numbers."""

    address: str
    source: Source | str = Field(description=SOURCES)
    opted_out_at: Timestamp
    sender: str | None = Field(
        description="The church's number or messaging service to which alone it applies; null if it applies to all."
    )


class OptOutPage(ResponseModel):
    """Opt-outs, newest first."""

    items: list[OptOutView]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


@endpoint(
    "GET /api/opt-outs",
    tag="Consent",
    summary="List opt-outs",
    authentication=with_key("consent:read"),
    query=OptOutQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=OptOutPage),),
    problems=(NOT_FOUND, WRONG_STATE),
)
def list_opt_outs(*, caller: KeyHolder, query: OptOutQuery) -> ApiResponse:
    """Lists the addresses that are opted out now, newest first, whether they belong to a contact or not. Pass `next`
    as `cursor` to get the following page."""
    place = query.cursor or conversations.END
    with church_scope(services().database, caller.church_id) as connection:
        addresses = None if query.address is None else [query.address]
        if query.contact is not None:
            own = addresses_of_contact(connection, caller.church_id, query.contact)
            addresses = own if addresses is None else [address for address in addresses if address in own]
        found = consent.page(
            connection,
            church_id=caller.church_id,
            before_at=place.at,
            before_tie=place.id,
            limit=query.limit + 1,
            addresses=addresses,
            source=query.source,
        )
    shown = found[: query.limit]
    page = OptOutPage(
        items=[
            OptOutView(address=each.address, source=each.source, opted_out_at=each.opted_out_at, sender=each.sender)
            for each in shown
        ],
        next=write_place(Place(at=shown[-1].opted_out_at, id=shown[-1].tie)) if len(found) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)
