"""PATCH and DELETE /api/contacts/{id}, and POST /api/contacts/delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from psycopg import Connection
from pydantic import ConfigDict, Field, StringConstraints

from api import problems
from api.address_fields import Email, Phone
from api.authentication import with_key
from api.base_models import STORABLE, RequestModel, ResponseModel, ZoneName
from api.contacts.field_values import FieldName, FieldValue, too_many_fields
from api.contacts.reading import shown_contact
from api.contacts.responses import DetailedContact
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.messages.draft_edit import describe_without_defaults
from api.messages.sending_checks import allowed_regions, region_error
from api.problems import FieldError, RequestRefused
from api.services import services
from messaging.addresses import locate_phone
from messaging.contact_fields import MAX_PERSON_NAME_CHARACTERS
from store import audit, contact_changes, contact_fields, contacts
from store.api_keys import KeyHolder
from store.contact_changes import LockedContact, SamePerson
from store.contact_fields import TooManyFields
from store.database import church_scope

MAX_DELETED = 10_000


class ContactEdit(RequestModel):
    """The fields of a contact to change. Absent fields stay as they are; null removes a value."""

    model_config = ConfigDict(json_schema_extra=describe_without_defaults)

    name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_PERSON_NAME_CHARACTERS), STORABLE
    ] = Field(default="-")
    phone: Phone | None = Field(default=None, description="The phone number in any usual form.")
    email: Email | None = Field(default=None, description="The e-mail address. It is stored in lower case.")
    time_zone: ZoneName | None = Field(
        default=None, description="The person's time zone, for quiet hours; null for that of the phone number."
    )
    fields: dict[FieldName, FieldValue | None] | None = Field(
        default=None,
        description=(
            "The church's own fields to change. Fields that are absent stay as they are; null or an empty text "
            "removes one, and `fields: null` removes all."
        ),
    )


class ContactIds(RequestModel):
    """Contacts of the church."""

    contact_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_DELETED)]


class DeletedContacts(ResponseModel):
    """The result of deleting contacts."""

    deleted: int = Field(description="How many contacts were deleted. Ids that belong to no contact are ignored.")


@endpoint(
    "PATCH /api/contacts/<uuid:contact_id>",
    tag="Contacts",
    summary="Change a contact",
    authentication=with_key("contacts:write"),
    body=ContactEdit,
    example={"phone": "(202) 555-0124", "fields": {"campus": "North", "allergies": None}},
    responses=(ResponseSpec(status=200, description="The changed contact.", content=DetailedContact),),
    problems=(problems.NOT_FOUND, problems.ALREADY_EXISTS),
)
def change_contact(*, caller: KeyHolder, contact_id: UUID, body: ContactEdit) -> ApiResponse:
    """Changes a contact. Of two changes at the same time, the last one counts. Opt-outs belong to numbers and
    addresses: a new number has the consent of that number, and an opt-out of the old one stays. Deliveries that exist
    already go to the old number."""
    with church_scope(services().database, caller.church_id) as connection:
        contacts.lock_church(connection, caller.church_id)
        contact = contact_changes.lock(connection, church_id=caller.church_id, contact_id=contact_id)
        if contact is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such contact.")
        edited = body.model_dump(include={"name", "phone", "email", "time_zone"}, exclude_unset=True)
        if edited:
            _change(connection, caller, replace(contact, **edited), edited)
        if "fields" in body.model_fields_set:
            _change_fields(connection, caller, contact_id, body.fields)
        if body.model_fields_set:
            audit.record(
                connection,
                actor=caller.actor,
                action="contact.changed",
                subject=str(contact_id),
                church_id=caller.church_id,
                details={"fields": _changed_names(body)},
            )
        shown = shown_contact(connection, caller, contact_id)
    return ApiResponse(status=200, content=shown)


@endpoint(
    "DELETE /api/contacts/<uuid:contact_id>",
    tag="Contacts",
    summary="Delete a contact",
    authentication=with_key("contacts:write"),
    responses=(ResponseSpec(status=204, description="The contact is deleted."),),
    problems=(problems.NOT_FOUND,),
)
def delete_contact(*, caller: KeyHolder, contact_id: UUID) -> ApiResponse:
    """Deletes the contact and its memberships. Messages that are not being sent yet do not reach it. Opt-outs and the
    deliveries of earlier messages stay; `POST /api/people/erase` removes those too."""
    if not _delete(caller, [contact_id]):
        raise RequestRefused(problems.NOT_FOUND, "There is no such contact.")
    return ApiResponse(status=204)


@endpoint(
    "POST /api/contacts/delete",
    tag="Contacts",
    summary="Delete several contacts",
    authentication=with_key("contacts:write"),
    body=ContactIds,
    example={"contactIds": ["0197a3f1-0c55-7be2-a6d4-58e1c9d0b7f3"]},
    responses=(ResponseSpec(status=200, description="The contacts are deleted.", content=DeletedContacts),),
)
def delete_contacts(*, caller: KeyHolder, body: ContactIds) -> ApiResponse:
    """Deletes up to 10,000 contacts, as the deletion of one does. Repeating the request has no effect."""
    return ApiResponse(status=200, content=DeletedContacts(deleted=_delete(caller, body.contact_ids)))


def _change(
    connection: Connection[Any], caller: KeyHolder, contact: LockedContact, edited: Mapping[str, object]
) -> None:
    """Store the contact as edited. Raises RequestRefused (409, 422)."""
    errors: list[FieldError] = []
    if contact.phone is None and contact.email is None:
        errors.append(FieldError(field="phone", message="is required if there is no email"))
    if contact.phone is not None and "phone" in edited:
        allowed = allowed_regions(connection, caller.church_id)
        if message := region_error(locate_phone(contact.phone).region, allowed):
            errors.append(FieldError(field="phone", message=message))
    if errors:
        raise RequestRefused(problems.INVALID, "Some fields of the body have errors.", errors=errors)
    try:
        contact_changes.change(connection, church_id=caller.church_id, contact=contact)
    except SamePerson as error:
        raise RequestRefused(
            problems.ALREADY_EXISTS,
            f"The contact {error.contact_id} already has this name and this {'phone' if contact.phone else 'email'}.",
        ) from None


def _change_fields(
    connection: Connection[Any], caller: KeyHolder, contact_id: UUID, fields: Mapping[str, str | None] | None
) -> None:
    if fields is None:
        contact_changes.clear_fields(connection, church_id=caller.church_id, contact_id=contact_id)
        return
    values = {name: value or None for name, value in fields.items()}
    try:
        contact_fields.set_values(connection, church_id=caller.church_id, values={contact_id: values})
    except TooManyFields:
        raise too_many_fields("fields") from None


def _changed_names(body: ContactEdit) -> list[str]:
    """Return the names of the fields that were sent, as in JSON, without their values."""
    own = [f"fields.{name}" for name in body.fields or ()]
    return sorted([*body.model_dump(by_alias=True, exclude_unset=True, exclude={"fields"}), *own]) or ["fields"]


def _delete(caller: KeyHolder, contact_ids: list[UUID]) -> int:
    with church_scope(services().database, caller.church_id) as connection:
        contacts.lock_church(connection, caller.church_id)
        deleted = contact_changes.delete(connection, church_id=caller.church_id, contact_ids=contact_ids)
        if deleted:
            single = len(contact_ids) == 1
            audit.record(
                connection,
                actor=caller.actor,
                action="contact.deleted" if single else "contacts.deleted",
                subject=str(contact_ids[0] if single else caller.church_id),
                church_id=caller.church_id,
                details={} if single else {"deleted": deleted},
            )
    return deleted
