"""POST /api/contacts: stores the valid contacts and reports the invalid ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from psycopg import Connection
from pydantic import Field, StringConstraints, ValidationError, ValidationInfo, WrapValidator, field_validator

from api.address_fields import Email, Phone
from api.authentication import with_key
from api.base_models import STORABLE, RequestModel, ResponseModel, ZoneName, field_error
from api.contacts.field_values import FieldName, FieldValue, too_many_fields
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.field_errors import field_errors
from api.messages.sending_checks import allowed_regions, region_error
from api.problems import FieldError
from api.services import services
from api.unknown_fields import MAX_FIELD_ERRORS
from messaging.addresses import PhoneLocation, locate_phone
from messaging.contact_fields import MAX_PERSON_NAME_CHARACTERS
from store import audit, contact_fields, contacts
from store.api_keys import KeyHolder
from store.contact_fields import TooManyFields
from store.contacts import AddedContact, ContactZones, Person
from store.database import church_scope

MAX_CONTACTS = 10_000


class NewContact(RequestModel):
    """A person. A family may share a phone, so a person is identified by name and phone number together, or by name and
    e-mail address."""

    name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_PERSON_NAME_CHARACTERS), STORABLE
    ]
    email: Email | None = Field(default=None, description="The e-mail address. It is stored in lower case.")
    phone: Phone | None = Field(
        default=None, validate_default=True, description="The phone number in any usual form. Required without `email`."
    )
    time_zone: ZoneName | None = Field(
        default=None,
        description="The person's time zone, for quiet hours. The default is the time zone of the phone number.",
    )
    fields: dict[FieldName, FieldValue] | None = Field(
        default=None,
        description=(
            "Values of the church's own fields, such as `campus`. A name that is new is added to the church's fields, "
            "of which it may have 50. The fields of a person who is stored already are set, and others stay."
        ),
    )

    @field_validator("phone")
    @classmethod
    def _check_phone(cls, phone: str | None, info: ValidationInfo) -> str | None:
        if phone is None and info.data.get("email", "") is None:
            raise field_error("is required if there is no email")
        return phone


def _skip_validation(data: Any, _validate: object) -> Any:
    """Accept any item. The view validates each contact separately, so that an invalid one does not affect the
    others."""
    return data


class ContactImport(RequestModel):
    """Contacts to store."""

    contacts: Annotated[
        list[Annotated[NewContact, WrapValidator(_skip_validation)]], Field(min_length=1, max_length=MAX_CONTACTS)
    ] = Field(description="Invalid contacts are reported in `results`; the others are stored.")


class StoredContact(ResponseModel):
    """A stored contact. `created` is false if the person was already stored."""

    index: int = Field(description="The position in the request, starting at 0.")
    id: UUID
    phone: str | None = Field(description="The phone number in E.164 format. It may be one that was stored before.")
    email: str | None = Field(description="The e-mail address in lower case. It may be one that was stored before.")
    created: bool


class RefusedContact(ResponseModel):
    """A contact that was not stored."""

    index: int = Field(description="The position in the request, starting at 0.")
    errors: list[FieldError] = Field(
        description=(
            "The errors of this contact. After the first hundred errors of all contacts together, only the first "
            "error of each further contact is listed."
        )
    )
    more_errors: int = Field(description="How many more errors this contact has.")


class ImportResult(ResponseModel):
    """The result of adding contacts."""

    created: int = Field(description="How many contacts were added.")
    existing: int = Field(description="How many contacts were already stored.")
    refused: int = Field(description="How many contacts have errors and were not stored.")
    results: list[StoredContact | RefusedContact] = Field(description="One result for each contact, in the same order.")


_EXAMPLE = {
    "contacts": [
        {"name": "Ruth Bell", "phone": "(202) 555-0123", "email": "Ruth@Example.org"},
        {"name": "Amos Hill", "phone": "12"},
    ]
}
_EXAMPLE_RESPONSE = {
    "created": 1,
    "existing": 0,
    "refused": 1,
    "results": [
        {
            "index": 0,
            "id": "0197a3f1-0c55-7be2-a6d4-58e1c9d0b7f3",
            "phone": "+12025550123",
            "email": "ruth@example.org",
            "created": True,
        },
        {
            "index": 1,
            "errors": [
                {
                    "field": "contacts[1].phone",
                    "message": "has too few or too many digits for a phone number",
                }
            ],
            "moreErrors": 0,
        },
    ],
}


@endpoint(
    "POST /api/contacts",
    tag="Contacts",
    summary="Add contacts",
    authentication=with_key("contacts:write"),
    body=ContactImport,
    example=_EXAMPLE,
    responses=(
        ResponseSpec(
            status=200,
            description="The valid contacts are stored; the invalid ones are reported.",
            content=ImportResult,
            example=_EXAMPLE_RESPONSE,
        ),
    ),
)
def add_contacts(*, caller: KeyHolder, body: ContactImport) -> ApiResponse:
    """Stores up to 10,000 contacts. Repeating the request has no effect: a person is identified by name and phone
    number, or, without a number, by name and e-mail address. If a person was stored with an e-mail address only, the
    number in the request is added.
    """
    valid: dict[int, NewContact] = {}
    refused: list[RefusedContact] = []
    errors_left = MAX_FIELD_ERRORS
    with church_scope(services().database, caller.church_id) as connection:
        allowed = allowed_regions(connection, caller.church_id)
    for index, contact in enumerate(body.contacts):
        try:
            valid[index] = NewContact.model_validate(contact)
        except ValidationError as error:
            errors = field_errors(error, within=f"contacts[{index}]", at_most=max(1, errors_left))
            errors_left -= len(errors.listed)
            refused.append(RefusedContact(index=index, errors=errors.listed, more_errors=errors.more))
    locations = {index: locate_phone(contact.phone) for index, contact in valid.items() if contact.phone is not None}
    for index, location in locations.items():
        if message := region_error(location.region, allowed):
            error = FieldError(field=f"contacts[{index}].phone", message=message)
            refused.append(RefusedContact(index=index, errors=[error], more_errors=0))
            del valid[index]
    stored = _store(caller, valid, locations)
    created = sum(contact.created for contact in stored)
    result = ImportResult(
        created=created,
        existing=len(stored) - created,
        refused=len(refused),
        results=sorted([*stored, *refused], key=lambda each: each.index),
    )
    return ApiResponse(status=200, content=result)


def _store(
    caller: KeyHolder, valid: Mapping[int, NewContact], locations: Mapping[int, PhoneLocation]
) -> list[StoredContact]:
    if not valid:
        return []
    people = [
        Person(
            name=contact.name,
            phone=contact.phone,
            email=contact.email,
            number_region=locations[index].region if index in locations else None,
        )
        for index, contact in valid.items()
    ]
    with church_scope(services().database, caller.church_id) as connection:
        added = contacts.add(connection, church_id=caller.church_id, people=people)
        zones: dict[UUID, ContactZones] = {}
        for one, (index, contact) in zip(added, valid.items(), strict=True):
            earlier = zones.get(one.contact_id, ContactZones())  # of another entry about the same person
            zones[one.contact_id] = ContactZones(
                time_zone=contact.time_zone or earlier.time_zone,
                number_zones=locations[index].zones if index in locations else earlier.number_zones,
            )
        contacts.set_zones(connection, church_id=caller.church_id, where=zones)
        _set_fields(connection, caller, added, list(valid.values()))
        created = sum(one.created for one in added)
        audit.record(
            connection,
            actor=caller.actor,
            action="contacts.imported",
            subject=str(caller.church_id),
            church_id=caller.church_id,
            details={"created": created, "existing": len(added) - created},
        )
    return [
        StoredContact(index=index, id=one.contact_id, phone=one.phone, email=one.email, created=one.created)
        for index, one in zip(valid, added, strict=True)
    ]


def _set_fields(
    connection: Connection[Any], caller: KeyHolder, added: Sequence[AddedContact], people: Sequence[NewContact]
) -> None:
    """Set the fields of each contact. Of several entries about one person, the later ones count."""
    values: dict[UUID, dict[str, str]] = {}
    for one, person in zip(added, people, strict=True):
        filled = {name: value for name, value in (person.fields or {}).items() if value}
        values.setdefault(one.contact_id, {}).update(filled)
    try:
        contact_fields.set_values(connection, church_id=caller.church_id, values=values)
    except TooManyFields:
        raise too_many_fields("contacts") from None
