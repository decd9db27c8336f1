"""POST /api/people/export: everything that is stored about one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import Field

from api.authentication import with_key
from api.base_models import ResponseModel, Timestamp
from api.conversations import views
from api.conversations.views import Keyword, Media
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.people.person_addresses import PersonAddresses, masked
from api.services import services
from messaging.states import Status
from store import audit, people, sql
from store.api_keys import KeyHolder
from store.audit import Actor
from store.database import Database, church_scope


class PersonContact(ResponseModel):
    """A contact with one of the addresses. A family may share a number: its members are contacts of their own."""

    id: UUID
    name: str
    phone: str | None
    email: str | None
    time_zone: str | None
    fields: Mapping[str, str] = Field(description="The values of the church's own fields.")
    groups: list[str] = Field(description="The names of the groups to which the contact was added.")
    created_at: Timestamp


class PersonOptOut(ResponseModel):
    """An address to which the church sends nothing."""

    address: str
    source: str = Field(description="What it came from, such as `unsubscribe link`, `carrier` or `command`.")
    since: Timestamp
    sender: str | None = Field(
        description="The number or messaging service to which alone it applies; null: to everything that is sent."
    )


class PersonConsentEvent(ResponseModel):
    """One entry of the history of opt-outs and opt-ins."""

    address: str
    event: str = Field(description="`opt_out` or `opt_in`.")
    source: str
    evidence: str | None
    channel: str | None = Field(description="The channel on which it was said; null if it was not said on one.")
    sender: str | None = Field(description="As of an opt-out.")
    happened_at: Timestamp


class PersonInboundMessage(ResponseModel):
    """A message that the person wrote to the church."""

    id: UUID
    channel: str
    address: str = Field(description="The address from which the person wrote.")
    to: str = Field(description="The church's number to which the person wrote.")
    content: str
    media: list[Media]
    keyword: Keyword | None = Field(description="What its words asked for; null when it is a reply.")
    received_at: Timestamp
    read_at: Timestamp | None = Field(description="When it was marked as read.")


class PersonDelivery(ResponseModel):
    """A message that was sent to the person, or was not, with the reason."""

    id: UUID
    message_id: UUID
    channel: str
    address: str
    content: str = Field(description="The text. Empty if it is no longer kept.")
    details: dict[str, Any] = Field(description="The channel's own fields, such as the `subject` of an e-mail.")
    send_at: Timestamp
    status: Status
    reason: str | None
    error_code: str | None
    attempts: int
    carrier_id: str | None
    updated_at: Timestamp = Field(description="When the status last changed.")


class PersonImport(ResponseModel):
    """A row of an imported file that added or changed a contact."""

    import_id: UUID
    line: int
    outcome: str
    before: dict[str, Any] | None = Field(description="What the contact was before, for as long as it can be restored.")


class PersonExport(ResponseModel):
    """Everything that is stored about the person with these addresses."""

    addresses: list[str] = Field(description="The addresses that were looked for, as they are stored.")
    contacts: list[PersonContact]
    opt_outs: list[PersonOptOut]
    consent_history: list[PersonConsentEvent] = Field(description="Every opt-out and opt-in, oldest first.")
    schedule_ids: list[UUID] = Field(description="The schedules whose target lists one of the addresses.")
    inbound_messages: list[PersonInboundMessage] = Field(
        description="What the person wrote to the church, oldest first, as far as it is still kept."
    )
    imports: list[PersonImport] = Field(description="The rows of imported files that are kept.")
    deliveries: list[PersonDelivery] = Field(
        description="Messages to the addresses, oldest first, as far as deliveries and their addresses are still kept."
    )


@endpoint(
    "POST /api/people/export",
    tag="People",
    summary="Export what is stored about a person",
    authentication=with_key("people:export"),
    body=PersonAddresses,
    example={"addresses": ["+12025550123", "ruth@example.org"]},
    responses=(ResponseSpec(status=200, description="What is stored.", content=PersonExport),),
)
def export_person(*, caller: KeyHolder, body: PersonAddresses) -> ApiResponse:
    """Returns everything that is stored about the person with these phone numbers and e-mail addresses: contacts,
    opt-outs and their history, the messages that they wrote, and those that were sent to them. Changes nothing. A
    person of whom nothing is stored has an export with empty lists. The request is recorded in the audit."""
    found = export(services().database, church_id=caller.church_id, addresses=body.addresses, actor=caller.actor)
    return ApiResponse(status=200, content=found)


def export(database: Database, *, church_id: UUID, addresses: Sequence[str], actor: Actor) -> PersonExport:
    """Collect everything that the church has about the person. Record in the audit that it was read."""
    addresses = list(dict.fromkeys(addresses))
    with church_scope(database, church_id) as connection:
        records = people.find(connection, church_id=church_id, addresses=addresses)
        audit.record(connection, actor=actor, action="person.exported", subject=masked(addresses), church_id=church_id)
    deliveries: list[people.PersonDelivery] = []
    after = sql.FIRST_ID
    while True:
        with church_scope(database, church_id) as connection:
            page = people.page_messages(connection, church_id=church_id, after=after)
            deliveries += people.find_deliveries(connection, church_id=church_id, message_ids=page, addresses=addresses)
        if len(page) < people.MESSAGES_AT_ONCE:
            return _view(addresses, records, deliveries)
        after = page[-1]


def _view(
    addresses: Sequence[str], records: people.PersonRecords, deliveries: Sequence[people.PersonDelivery]
) -> PersonExport:
    return PersonExport(
        addresses=list(addresses),
        contacts=[
            PersonContact(
                id=contact.contact_id,
                name=contact.name,
                phone=contact.phone,
                email=contact.email,
                time_zone=contact.time_zone,
                fields=contact.fields,
                groups=contact.groups,
                created_at=contact.created_at,
            )
            for contact in records.contacts
        ],
        opt_outs=[
            PersonOptOut(address=found.address, source=found.source, since=found.opted_out_at, sender=found.sender)
            for found in records.opt_outs
        ],
        consent_history=[
            PersonConsentEvent(
                address=event.address,
                event=event.event,
                source=event.source,
                evidence=event.evidence,
                channel=event.channel,
                sender=event.sender,
                happened_at=event.happened_at,
            )
            for event in records.consent_events
        ],
        schedule_ids=records.schedule_ids,
        inbound_messages=[_inbound_message(message) for message in records.inbound_messages],
        imports=[
            PersonImport(import_id=row.import_id, line=row.line, outcome=row.outcome, before=row.before)
            for row in records.imported_versions
        ],
        deliveries=[_delivery(delivery) for delivery in deliveries],
    )


def _inbound_message(message: people.PersonInboundMessage) -> PersonInboundMessage:
    return PersonInboundMessage.model_validate(
        {
            "id": message.inbound_message_id,
            "channel": message.channel,
            "address": message.from_address,
            "to": message.to_address,
            "content": message.content,
            "media": views.media(message.media),
            "keyword": message.keyword,
            "received_at": message.received_at,
            "read_at": message.read_at,
        }
    )


def _delivery(delivery: people.PersonDelivery) -> PersonDelivery:
    return PersonDelivery(
        id=delivery.delivery_id,
        message_id=delivery.message_id,
        channel=delivery.channel,
        address=delivery.address,
        content=delivery.content,
        details=delivery.details,
        send_at=delivery.send_at,
        status=Status(delivery.status),
        reason=delivery.reason,
        error_code=delivery.error_code,
        attempts=delivery.attempts,
        carrier_id=delivery.carrier_id,
        updated_at=delivery.updated_at,
    )
