"""POST /api/contacts: stores the valid contacts and reports the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints, ValidationError, ValidationInfo, WrapValidator, field_validator

from api.address_fields import Email, Phone
from api.authentication import with_key
from api.base_models import STORABLE, RequestModel, ResponseModel, ZoneName, field_error
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.field_errors import field_errors
from api.messages.sending_checks import allowed_regions, region_error
from api.problems import FieldError
from api.services import services
from api.unknown_fields import MAX_FIELD_ERRORS
from messaging.addresses import PhoneLocation, locate_phone
from store import contacts
from store.churches import KeyHolder
from store.contacts import ContactZones, Person
from store.database import church_scope

MAX_CONTACTS = 10_000


class NewContact(RequestModel):
    """A person, identified by name and number together, since a family may share one phone, or by name and e-mail
    address."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]
    email: Email | None = None
    phone: Phone | None = Field(default=None, validate_default=True)
    time_zone: ZoneName | None = Field(
        default=None, description="The person's time zone, if it is not that of the number."
    )

    @field_validator("phone")
    @classmethod
    def _reachable(cls, phone: str | None, about: ValidationInfo) -> str | None:
        if phone is None and about.data.get("email", "") is None:
            raise field_error("is required when there is no email")
        return phone


def _leave_unread(given: Any, _read: object) -> Any:
    """Accept any list here: each contact is validated by itself later, so that one invalid contact does not refuse the
    others."""
    return given


class ContactImport(RequestModel):
    """Contacts to store."""

    contacts: Annotated[
        list[Annotated[NewContact, WrapValidator(_leave_unread)]], Field(min_length=1, max_length=MAX_CONTACTS)
    ] = Field(description="An invalid contact is reported in `results`; the others are stored.")


class StoredContact(ResponseModel):
    """A stored contact. `created` is false for a person who was already known."""

    index: int = Field(description="The place in the request, from 0.")
    id: UUID
    phone: str | None = Field(description="The number in E.164, including one that was stored before.")
    email: str | None = Field(description="The e-mail address in lower case, including one that was stored before.")
    created: bool


class RefusedContact(ResponseModel):
    """A contact that was not stored."""

    index: int = Field(description="The place in the request, from 0.")
    errors: list[FieldError] = Field(
        description=(
            "The errors of this contact. A response lists at most a hundred errors of all contacts "
            "together, and beyond these the first one of each contact."
        )
    )
    more_errors: int = Field(description="How many more errors this contact has.")


class ImportResult(ResponseModel):
    """The result for each contact, in the order of the request."""

    created: int
    existing: int
    refused: int
    results: list[StoredContact | RefusedContact]


_EXAMPLE = {
    "contacts": [
        {"name": "Ruth Bell", "phone": "(202) 555-0123", "email": "Ruth@Example.org"},
        {"name": "Amos Hill", "phone": "12"},
    ]
}
_EXAMPLE_ANSWER = {
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
            description="Every valid contact is stored, and every other one is reported.",
            content=ImportResult,
            example=_EXAMPLE_ANSWER,
        ),
    ),
)
def add_contacts(*, caller: KeyHolder, body: ContactImport) -> ApiResponse:
    """Stores up to 10,000 contacts. Repeating the request changes nothing: a person is identified by name and number,
    or, without a number, by name and e-mail address. A person who was known by e-mail address only gets the number of
    the new entry.
    """
    good: dict[int, NewContact] = {}
    refused: list[RefusedContact] = []
    room = MAX_FIELD_ERRORS
    with church_scope(services().database, caller.church_id) as connection:
        allowed = allowed_regions(connection, caller.church_id)
    for index, given in enumerate(body.contacts):
        try:
            good[index] = NewContact.model_validate(given)
        except ValidationError as error:
            found = field_errors(error, within=f"contacts[{index}]", at_most=max(1, room))
            room -= len(found.listed)
            refused.append(RefusedContact(index=index, errors=found.listed, more_errors=found.more))
    places = {index: locate_phone(contact.phone) for index, contact in good.items() if contact.phone is not None}
    for index, place in places.items():
        if complaint := region_error(place.region, allowed):
            error = FieldError(field=f"contacts[{index}].phone", message=complaint)
            refused.append(RefusedContact(index=index, errors=[error], more_errors=0))
            del good[index]
    stored = _store(caller, good, places)
    created = sum(contact.created for contact in stored)
    answer = ImportResult(
        created=created,
        existing=len(stored) - created,
        refused=len(refused),
        results=sorted([*stored, *refused], key=lambda result: result.index),
    )
    return ApiResponse(status=200, content=answer)


def _store(
    caller: KeyHolder, good: Mapping[int, NewContact], places: Mapping[int, PhoneLocation]
) -> list[StoredContact]:
    if not good:
        return []
    people = [
        Person(
            name=contact.name,
            phone=contact.phone,
            email=contact.email,
            number_region=places[index].region if index in places else None,
        )
        for index, contact in good.items()
    ]
    with church_scope(services().database, caller.church_id) as connection:
        added = contacts.add(connection, church_id=caller.church_id, people=people)
        where: dict[UUID, ContactZones] = {}
        for one, (index, contact) in zip(added, good.items(), strict=True):
            told = where.get(one.contact_id, ContactZones())  # created by another entry about the same person
            where[one.contact_id] = ContactZones(
                time_zone=contact.time_zone or told.time_zone,
                number_zones=places[index].zones if index in places else told.number_zones,
            )
        contacts.set_zones(connection, church_id=caller.church_id, where=where)
    return [
        StoredContact(index=index, id=one.contact_id, phone=one.phone, email=one.email, created=one.created)
        for index, one in zip(good, added, strict=True)
    ]
