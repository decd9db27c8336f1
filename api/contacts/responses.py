"""The response models of contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from pydantic import Field

from api.base_models import ResponseModel, Timestamp
from store.contacts import Contact
from store.groups import Group


class ContactView(ResponseModel):
    """A person of the church."""

    id: UUID
    name: str
    phone: str | None = Field(description="The phone number in E.164 format.")
    email: str | None = Field(description="The e-mail address in lower case.")
    time_zone: str | None = Field(
        description="The time zone for quiet hours; null to use the time zone of the phone number."
    )
    fields: Mapping[str, str] = Field(description="The values of the church's own fields.")
    created_at: Timestamp
    updated_at: Timestamp | None = Field(description="When it was last changed; null if it is as it was added.")
    opted_out_at: Timestamp | None = Field(
        description=(
            "When the phone number was opted out of the church; null if it was not. An opt-out that the carrier keeps "
            "for one number of the church alone is no part of it: see `refusedSenders` of "
            "`GET /api/contacts/{id}/consent`."
        )
    )
    mail_opted_out_at: Timestamp | None = Field(
        description="When the e-mail address was opted out; null if it was not."
    )


class ContactPage(ResponseModel):
    """Contacts, oldest first."""

    items: list[ContactView]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


class ContactGroup(ResponseModel):
    """A group that lists the contact."""

    id: UUID
    name: str


class DetailedContact(ContactView):
    """A contact with its groups."""

    groups: list[ContactGroup] = Field(
        description="The groups to which it was added. Smart groups, to which it may belong too, are not listed."
    )


def contact_view(contact: Contact) -> ContactView:
    return ContactView.model_validate(_fields(contact))


def detailed_contact(contact: Contact, groups: Sequence[Group]) -> DetailedContact:
    listed = [ContactGroup(id=group.group_id, name=group.name) for group in groups]
    return DetailedContact.model_validate(_fields(contact) | {"groups": listed})


def _fields(contact: Contact) -> dict[str, object]:
    return {
        "id": contact.contact_id,
        "name": contact.name,
        "phone": contact.phone,
        "email": contact.email,
        "time_zone": contact.time_zone,
        "fields": contact.fields,
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
        "opted_out_at": contact.opted_out_at,
        "mail_opted_out_at": contact.mail_opted_out_at,
    }
