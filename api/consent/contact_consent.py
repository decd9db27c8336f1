"""GET /api/contacts/{id}/consent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.authentication import with_key
from api.base_models import ResponseModel, Timestamp
from api.consent.addressees import addresses_of_contact
from api.consent.listing import SOURCES
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.problems import NOT_FOUND, WRONG_STATE
from api.services import services
from store import consent
from store.api_keys import KeyHolder
from store.consent import LATEST_EVENTS
from store.database import church_scope
from store.opt_outs import ConsentEvent, OptOut


class ConsentChange(ResponseModel):
    """One entry of the history. Entries are never changed."""

    event: Literal["opt_out", "opt_in"]
    at: Timestamp
    source: str = Field(description=SOURCES)
    evidence: str | None = Field(description="The words of a keyword, or what was noted.")
    channel: str | None = Field(description="Where it was said, if it was said on a channel.")
    key_label: str | None = Field(description="What the key is for with which it was recorded; null for other sources.")
    inbound_message_id: UUID | None = Field(description="The message in which the person wrote it.")
    sender: str | None = Field(
        description="The church's number or messaging service to which alone it applies; null if it applies to all."
    )


class AddressConsent(ResponseModel):
    """One address of the contact, and whether the church may send there."""

    address: str
    opted_out: bool = Field(description="Whether the church sends nothing there.")
    opted_out_at: Timestamp | None
    source: str | None = Field(description="Of the opt-out that holds.")
    refused_senders: list[str] = Field(
        description="The church's numbers or messaging services from which the carrier refuses to send there."
    )
    history: list[ConsentChange] = Field(description=f"The latest {LATEST_EVENTS} changes, newest first.")


class ContactConsent(ResponseModel):
    """What holds for each address of a contact."""

    addresses: list[AddressConsent]


@endpoint(
    "GET /api/contacts/<uuid:contact_id>/consent",
    tag="Consent",
    summary="Show the consent of a contact and its history",
    authentication=with_key("consent:read"),
    responses=(ResponseSpec(status=200, description="What holds now.", content=ContactConsent),),
    problems=(NOT_FOUND, WRONG_STATE),
)
def get_contact_consent(*, caller: KeyHolder, contact_id: UUID) -> ApiResponse:
    """Returns for the phone number and the e-mail address of a contact whether they are opted out now, and every
    change: who recorded it, when, how, and what showed it. It goes by address, so changes from before the contact was
    stored are included."""
    with church_scope(services().database, caller.church_id) as connection:
        addresses = addresses_of_contact(connection, caller.church_id, contact_id)
        present = consent.opt_outs_of(connection, church_id=caller.church_id, addresses=addresses)
        histories = {
            address: consent.latest_events(connection, church_id=caller.church_id, address=address)
            for address in addresses
        }
    views = [_address(address, present, histories[address]) for address in addresses]
    return ApiResponse(status=200, content=ContactConsent(addresses=views))


def _address(address: str, present: Sequence[OptOut], history: Sequence[ConsentEvent]) -> AddressConsent:
    own = [each for each in present if each.address == address]
    of_church = next((each for each in own if each.sender is None), None)
    return AddressConsent(
        address=address,
        opted_out=of_church is not None,
        opted_out_at=of_church.opted_out_at if of_church else None,
        source=of_church.source if of_church else None,
        refused_senders=[each.sender for each in own if each.sender is not None],
        history=[_change(event) for event in history],
    )


def _change(event: ConsentEvent) -> ConsentChange:
    return ConsentChange.model_validate(
        {
            "event": event.event,
            "at": event.happened_at,
            "source": event.source,
            "evidence": event.evidence,
            "channel": event.channel,
            "key_label": event.actor_label,
            "inbound_message_id": event.inbound_message_id,
            "sender": event.sender,
        }
    )
