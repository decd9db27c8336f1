"""GET /api/contacts."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from api import query_parameters
from api.authentication import with_key
from api.base_models import ResponseModel, Timestamp
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.query_parameters import PageQuery
from api.services import services
from store import contacts
from store.api_keys import KeyHolder
from store.database import church_scope


class ContactView(ResponseModel):
    """A person of the church."""

    id: UUID
    name: str
    phone: str | None = Field(description="The phone number in E.164 format.")
    email: str | None = Field(description="The e-mail address in lower case.")
    time_zone: str | None = Field(
        description="The time zone for quiet hours; null to use the time zone of the phone number."
    )
    created_at: Timestamp
    opted_out_at: Timestamp | None = Field(description="When the phone number was opted out; null if it was not.")
    mail_opted_out_at: Timestamp | None = Field(
        description="When the e-mail address was opted out; null if it was not."
    )


class ContactPage(ResponseModel):
    """Contacts, oldest first."""

    items: list[ContactView]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


@endpoint(
    "GET /api/contacts",
    tag="Contacts",
    summary="List contacts",
    authentication=with_key("contacts:read"),
    query=PageQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=ContactPage),),
)
def list_contacts(*, caller: KeyHolder, query: PageQuery) -> ApiResponse:
    """Lists the church's contacts, oldest first. Pass `next` as `cursor` to get the following page."""
    with church_scope(services().database, caller.church_id) as connection:
        found = contacts.page(connection, church_id=caller.church_id, after=query.cursor, limit=query.limit + 1)
    shown = found[: query.limit]
    page = ContactPage(
        items=[
            ContactView(
                id=contact.contact_id,
                name=contact.name,
                phone=contact.phone,
                email=contact.email,
                time_zone=contact.time_zone,
                created_at=contact.created_at,
                opted_out_at=contact.opted_out_at,
                mail_opted_out_at=contact.mail_opted_out_at,
            )
            for contact in shown
        ],
        next=query_parameters.write_cursor(shown[-1].contact_id) if len(found) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)
