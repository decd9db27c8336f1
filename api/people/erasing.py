"""POST /api/people/erase: removes one person from everything except the opt-outs."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pydantic import Field

from api.authentication import with_key
from api.base_models import ResponseModel
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.people.person_addresses import PersonAddresses, masked
from api.services import services
from store import audit, opt_outs, people, sql
from store.api_keys import KeyHolder
from store.audit import Actor
from store.database import Database, church_scope


class ErasedPerson(ResponseModel):
    """What was removed. All counts are 0 if it was removed before."""

    contacts: int = Field(description="How many contacts were deleted.")
    schedules: int = Field(description="From the targets of how many schedules an address was removed.")
    inbound_messages: int = Field(description="From how many messages that the person wrote the text and number went.")
    deliveries: int = Field(description="From how many deliveries the address was removed.")
    stopped: int = Field(description="How many of those were queued. They are suppressed instead of sent.")
    unfinished: int = Field(
        description=(
            "How many deliveries keep the address because they are being submitted or in doubt. Repeat the request "
            "once their result is known."
        )
    )
    other_addresses: list[str] = Field(
        description="Further addresses of the deleted contacts, to which messages may have been sent as well."
    )
    opted_out: list[str] = Field(
        description=(
            "The addresses that stay stored as opted out, so that the person is not contacted again. The others would "
            "get messages again if the church stored them again."
        )
    )


@endpoint(
    "POST /api/people/erase",
    tag="People",
    summary="Erase a person",
    authentication=with_key("people:erase"),
    body=PersonAddresses,
    example={"addresses": ["+12025550123", "ruth@example.org"]},
    responses=(ResponseSpec(status=200, description="What was removed.", content=ErasedPerson),),
)
def erase_person(*, caller: KeyHolder, body: PersonAddresses) -> ApiResponse:
    """Deletes the contacts with these phone numbers and e-mail addresses, and removes the addresses from messages,
    schedules and deliveries. What the person wrote, and what was written to them alone, is removed. Counts stay.
    Opt-outs and their history stay too: they are what keeps the person from being contacted again. Repeating the
    request is safe. It is recorded in the audit, with masked addresses."""
    erased = erase(services().database, church_id=caller.church_id, addresses=body.addresses, actor=caller.actor)
    return ApiResponse(status=200, content=erased)


def erase(database: Database, *, church_id: UUID, addresses: Sequence[str], actor: Actor) -> ErasedPerson:
    """Erase the person in several transactions. If it is interrupted, the next call erases the rest."""
    addresses = list(dict.fromkeys(addresses))
    with church_scope(database, church_id) as connection:
        removed = people.erase_contacts(connection, church_id=church_id, addresses=addresses)
        kept = people.find(connection, church_id=church_id, addresses=addresses).opt_outs
        audit.record(
            connection,
            actor=actor,
            action="person.erased",
            subject=masked(addresses),
            church_id=church_id,
            details={
                "contacts": removed.contacts,
                "schedules": removed.schedules,
                "inboundMessages": removed.inbound_messages,
            },
        )
    pages = _erase_deliveries(database, church_id=church_id, addresses=addresses, actor=actor)
    return ErasedPerson(
        contacts=removed.contacts,
        schedules=removed.schedules,
        inbound_messages=removed.inbound_messages,
        deliveries=sum(page.erased for page in pages),
        stopped=sum(page.stopped for page in pages),
        unfinished=sum(page.unfinished for page in pages),
        other_addresses=removed.other_addresses,
        opted_out=list(dict.fromkeys(found.address for found in kept if found.source != opt_outs.BOUNCE)),
    )


def _erase_deliveries(
    database: Database, *, church_id: UUID, addresses: Sequence[str], actor: Actor
) -> list[people.ErasedDeliveries]:
    """Erase page by page, so that no transaction is long."""
    pages: list[people.ErasedDeliveries] = []
    after = sql.FIRST_ID
    while True:
        with church_scope(database, church_id) as connection:
            page = people.page_messages(connection, church_id=church_id, after=after)
            erased = people.erase_deliveries(connection, church_id=church_id, message_ids=page, addresses=addresses)
            if erased.erased:
                audit.record(
                    connection,
                    actor=actor,
                    action="person.deliveries_erased",
                    subject=masked(addresses),
                    church_id=church_id,
                    details={"deliveries": erased.erased, "stopped": erased.stopped},
                )
        pages.append(erased)
        if len(page) < people.MESSAGES_AT_ONCE:
            return pages
        after = page[-1]
