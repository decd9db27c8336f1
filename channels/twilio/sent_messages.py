"""Asking Twilio what it has: its list of messages, and the state of one."""

from __future__ import annotations

from datetime import timedelta

from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

import logs
from channels.incoming import CarrierReceipt
from channels.twilio.receipts import STATUSES
from messaging.submissions import CarrierRecord, InDoubtDelivery, LookupResult

log = logs.get_logger(__name__)

LIST_LIMIT = 200
"""How many messages to one person are looked through, newest first."""
SKEW = timedelta(minutes=10)
"""How far Twilio's clock may be behind the database's."""


async def look_up(client: Client, delivery: InDoubtDelivery) -> LookupResult:
    """The messages to the delivery's recipient from its sender since its own message was made.

    Not filtered by DateSent: what is accepted and not sent yet has none.
    https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
    """
    try:
        listed = await client.messages.list_async(to=delivery.address, page_size=LIST_LIMIT, limit=LIST_LIMIT)
        earliest = delivery.since - SKEW
        recent = [message for message in listed if message.date_created is None or message.date_created >= earliest]
        records = tuple(record for message in recent if (record := _record(message, delivery)) is not None)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the answer, it proves nothing
        log.warning("the carrier's list cannot be read", error=type(error).__name__)
        return LookupResult(delivery_id=delivery.delivery_id, attempt=delivery.attempt, records=None)
    return LookupResult(
        delivery_id=delivery.delivery_id,
        attempt=delivery.attempt,
        records=records,
        # A full page that does not reach back to the beginning may hide older ones.
        complete=len(listed) < LIST_LIMIT or len(recent) < len(listed),
    )


async def fetch_status(client: Client, carrier_id: str) -> CarrierReceipt | None:
    """What became of one message; None when Twilio cannot say, or has nothing new."""
    try:
        message = await client.messages(carrier_id).fetch_async()
    except Exception as error:  # noqa: BLE001 - it is asked again later
        log.warning("the carrier cannot be asked", error=type(error).__name__)
        return None
    status = STATUSES.get(str(message.status))
    if status is None:
        return None
    code = None if message.error_code is None else str(message.error_code)
    return CarrierReceipt(carrier_id=carrier_id, status=status, error_code=code)


def _record(message: MessageInstance, delivery: InDoubtDelivery) -> CarrierRecord | None:
    """The message as it bears on the delivery; None when it has nothing to do with it.

    The sender may have been changed since: the same words from another one are not taken for it, nor passed over. Of
    media the list tells the number alone: two messages without words and with as many pictures look the same.
    """
    service = delivery.sender.messaging_service_sid
    if service is not None:
        same_sender = message.messaging_service_sid == service
    else:
        same_sender = message.from_ == delivery.sender.address
    same_media = int(message.num_media or 0) == len(delivery.details.get("mediaUrls", ()))
    same_content = same_media and _same(message.body, delivery.content)
    if not (same_sender or same_content):
        return None
    return CarrierRecord(carrier_id=str(message.sid), same_content=same_sender and same_content)


def _same(body: str | None, content: str) -> bool:
    """Alike but for white space, which carriers trim."""
    return (body or "").split() == content.split()
