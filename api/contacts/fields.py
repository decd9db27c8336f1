"""GET /api/contact-fields and DELETE /api/contact-fields/{name}."""

from __future__ import annotations

from pydantic import Field

from api import problems
from api.authentication import with_key
from api.base_models import ResponseModel, Timestamp
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.in_use import in_use
from api.problems import RequestRefused
from api.services import services
from messaging.contact_fields import BUILT_IN_FIELDS, MAX_FIELDS, is_field_name
from store import audit, contact_fields, contacts, references
from store.api_keys import KeyHolder
from store.database import church_scope


class ContactFieldView(ResponseModel):
    """A field that the church has made."""

    name: str
    contacts: int = Field(description="How many contacts have a value.")
    created_at: Timestamp


class ContactFieldList(ResponseModel):
    """The fields of contacts."""

    built_in: list[str] = Field(description="The fields that every contact has.")
    items: list[ContactFieldView] = Field(description="The church's own fields, by name.")
    most: int = Field(description="How many fields of its own a church may have.")


@endpoint(
    "GET /api/contact-fields",
    tag="Contacts",
    summary="List the fields of contacts",
    authentication=with_key("contacts:read"),
    responses=(ResponseSpec(status=200, description="All fields.", content=ContactFieldList),),
)
def list_contact_fields(*, caller: KeyHolder) -> ApiResponse:
    """Lists the fields that contacts may have. A field of the church exists from the first contact that has a value of
    it until it is deleted."""
    with church_scope(services().database, caller.church_id) as connection:
        found = contact_fields.list_all(connection, church_id=caller.church_id)
    items = [ContactFieldView(name=each.name, contacts=each.contacts, created_at=each.created_at) for each in found]
    return ApiResponse(
        status=200, content=ContactFieldList(built_in=list(BUILT_IN_FIELDS), items=items, most=MAX_FIELDS)
    )


@endpoint(
    "DELETE /api/contact-fields/<name>",
    tag="Contacts",
    summary="Delete a field of contacts",
    authentication=with_key("contacts:write"),
    responses=(ResponseSpec(status=204, description="The field is deleted."),),
    problems=(problems.NOT_FOUND, problems.IN_USE),
)
def delete_contact_field(*, caller: KeyHolder, name: str) -> ApiResponse:
    """Deletes the field and its values of all contacts. A field is not deleted while the text of a message that is not
    being sent yet, of a schedule or of a template needs it, or the condition of a smart group: otherwise texts would
    have gaps, and other contacts could belong to that group. `firstName` and `lastName` of the church's own may be
    deleted while texts need them: they then follow from the names of contacts."""
    no_field = RequestRefused(problems.NOT_FOUND, "There is no such field.")
    if not is_field_name(name):
        raise no_field
    with church_scope(services().database, caller.church_id) as connection:
        contacts.lock_church(connection, caller.church_id)
        if not contact_fields.lock(connection, church_id=caller.church_id, name=name):
            raise no_field
        found = references.find_of_field(connection, church_id=caller.church_id, name=name)
        if needed_by := [each for each in found if each.kind == "group" or name not in BUILT_IN_FIELDS]:
            raise in_use("field", needed_by)
        cleared = contact_fields.delete(connection, church_id=caller.church_id, name=name)
        audit.record(
            connection,
            actor=caller.actor,
            action="contact_field.deleted",
            subject=name,
            church_id=caller.church_id,
            details={"contacts": cleared},
        )
    return ApiResponse(status=204)
