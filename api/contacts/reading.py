"""GET /api/contacts and /api/contacts/{id}."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from psycopg import Connection
from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from api import problems, query_parameters
from api.authentication import with_key
from api.base_models import STORABLE, field_error
from api.contacts.responses import ContactPage, DetailedContact, contact_view, detailed_contact
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.groups.member_pages import page_of_members
from api.problems import FieldError, RequestRefused
from api.query_parameters import PageQuery
from api.services import services
from store import contact_search, contacts, groups, smart_groups
from store.api_keys import KeyHolder
from store.contacts import Contact
from store.database import church_scope
from store.groups import Group

MAX_SEARCH_CHARACTERS = 100


def _read_id(text: Any) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise field_error("must be an id") from None


class ContactQuery(PageQuery):
    """The query parameters of a list of contacts."""

    search: Annotated[str, StringConstraints(max_length=MAX_SEARCH_CHARACTERS), STORABLE] = Field(
        default="",
        description=(
            "What somebody types to find people: parts of the name, the e-mail address or the phone number, in any "
            "order. Case and accents do not matter. A number may be in any usual form, or be its last digits."
        ),
    )
    group_id: Annotated[
        UUID | None,
        BeforeValidator(_read_id),
        WithJsonSchema({"type": "string", "format": "uuid"}),
        Field(description="Only the contacts in this group."),
    ] = None


@endpoint(
    "GET /api/contacts",
    tag="Contacts",
    summary="List and search contacts",
    authentication=with_key("contacts:read"),
    query=ContactQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=ContactPage),),
)
def list_contacts(*, caller: KeyHolder, query: ContactQuery) -> ApiResponse:
    """Lists the church's contacts, oldest first: all, those that match `search`, or those of a group. Pass `next` as
    `cursor` to get the following page."""
    with church_scope(services().database, caller.church_id) as connection:
        found = _find(connection, caller, query)
    shown = found[: query.limit]
    page = ContactPage(
        items=[contact_view(contact) for contact in shown],
        next=query_parameters.write_cursor(shown[-1].contact_id) if len(found) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)


def _find(connection: Connection[Any], caller: KeyHolder, query: ContactQuery) -> list[Contact]:
    """Return a page of contacts, and one more if there are more."""
    church_id, after, limit = caller.church_id, query.cursor, query.limit + 1
    group = None
    if query.group_id is not None:
        group = groups.get(connection, church_id=church_id, group_id=query.group_id)
        if group is None:
            raise _refused("groupId", "is not a group of this church")
    if query.search.strip():
        is_smart = group is not None and group.condition is not None
        return contact_search.page(
            connection,
            church_id=church_id,
            text=query.search.strip(),
            after=after,
            limit=limit,
            group_id=None if is_smart else query.group_id,
            members=_members(connection, church_id, group) if group is not None and is_smart else None,
        )
    if group is not None:
        return page_of_members(connection, church_id=church_id, group=group, after=after, limit=limit)
    return contacts.page(connection, church_id=church_id, after=after, limit=limit)


def _members(connection: Connection[Any], church_id: UUID, group: Group) -> str:
    found = smart_groups.members(connection, church_id=church_id, group_ids=[group.group_id])
    return found[group.group_id]


def _refused(field: str, message: str) -> RequestRefused:
    error = FieldError(field=field, message=message)
    return RequestRefused(problems.INVALID, "Some query parameters have errors.", errors=[error])


@endpoint(
    "GET /api/contacts/<uuid:contact_id>",
    tag="Contacts",
    summary="Show a contact and its groups",
    authentication=with_key("contacts:read"),
    responses=(ResponseSpec(status=200, description="The contact.", content=DetailedContact),),
    problems=(problems.NOT_FOUND,),
)
def get_contact(*, caller: KeyHolder, contact_id: UUID) -> ApiResponse:
    """Shows the contact, its fields, and the groups to which it was added."""
    with church_scope(services().database, caller.church_id) as connection:
        return ApiResponse(status=200, content=shown_contact(connection, caller, contact_id))


def shown_contact(connection: Connection[Any], caller: KeyHolder, contact_id: UUID) -> DetailedContact:
    """Return the contact with its groups. Raises RequestRefused (404)."""
    contact = contacts.get(connection, church_id=caller.church_id, contact_id=contact_id)
    if contact is None:
        raise RequestRefused(problems.NOT_FOUND, "There is no such contact.")
    return detailed_contact(contact, groups.of_contact(connection, church_id=caller.church_id, contact_id=contact_id))
