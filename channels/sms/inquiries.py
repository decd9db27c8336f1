"""Asking Twilio what it has: its list of messages, and the state of one."""

from __future__ import annotations

from datetime import timedelta

from twilio.base.exceptions import TwilioException
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

import logs
from channels.base import CarrierReceipt
from channels.sms.receipts import STATUSES
from channels.sms.transport import NO_ANSWER, NOT_SENT, TooManyRequests
from messaging.outcomes import CarrierRecord, Sighting, Suspect

log = logs.get_logger(__name__)

LIST_LIMIT = 200
"""How many messages to one person are looked through, newest first."""
SKEW = timedelta(minutes=1)
"""How far Twilio's clock may be behind ours."""

_UNREADABLE = (TwilioException, TooManyRequests, *NOT_SENT, *NO_ANSWER)


async def look_up(client: Client, suspect: Suspect) -> Sighting:
    """The messages to the suspect's recipient from its sender since its own message was made.

    Not filtered by DateSent: what is accepted and not sent yet has none.
    https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
    """
    try:
        listed = await client.messages.list_async(to=suspect.address, page_size=LIST_LIMIT, limit=LIST_LIMIT)
    except _UNREADABLE as error:
        log.warning("the carrier's list cannot be read", error=type(error).__name__)
        return Sighting(delivery_id=suspect.delivery_id, attempt=suspect.attempt, records=None)
    records = tuple(
        CarrierRecord(carrier_id=str(message.sid), same_content=_same(message.body, suspect.content))
        for message in listed
        if _is_of(message, suspect)
    )
    # A full page may hide older ones: what is not on it is not proven missing.
    conclusive = len(listed) < LIST_LIMIT or any(record.same_content for record in records)
    return Sighting(delivery_id=suspect.delivery_id, attempt=suspect.attempt, records=records if conclusive else None)


async def ask(client: Client, carrier_id: str) -> CarrierReceipt | None:
    """What became of one message; None when Twilio cannot say, or has nothing new."""
    try:
        message = await client.messages(carrier_id).fetch_async()
    except _UNREADABLE as error:
        log.warning("the carrier cannot be asked", error=type(error).__name__)
        return None
    status = STATUSES.get(str(message.status))
    if status is None:
        return None
    code = None if message.error_code is None else str(message.error_code)
    return CarrierReceipt(carrier_id=carrier_id, status=status, error_code=code)


def _is_of(message: MessageInstance, suspect: Suspect) -> bool:
    if message.date_created is None or message.date_created < suspect.since - SKEW:
        return False
    if suspect.sender.messaging_service_sid is not None:
        return message.messaging_service_sid == suspect.sender.messaging_service_sid
    return message.from_ == suspect.sender.address


def _same(body: str | None, content: str) -> bool:
    """Alike but for white space, which carriers trim."""
    return (body or "").split() == content.split()
