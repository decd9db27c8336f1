"""Reads sent messages from Twilio: the list for one recipient, and the status of one message."""

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
"""How many messages to one recipient are searched, newest first."""
SKEW = timedelta(minutes=10)
"""The largest assumed difference between Twilio's clock and the database's."""


async def look_up(client: Client, delivery: InDoubtDelivery) -> LookupResult:
    """Search for the delivery among the messages to its recipient that were created since it was submitted.

    The list is not filtered by DateSent: a message that is accepted and not sent yet has none.
    https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
    """
    try:
        listed = await client.messages.list_async(to=delivery.address, page_size=LIST_LIMIT, limit=LIST_LIMIT)
        earliest = delivery.since - SKEW
        recent = [message for message in listed if message.date_created is None or message.date_created >= earliest]
        records = tuple(record for message in recent if (record := _record(message, delivery)) is not None)
    except Exception as error:  # noqa: BLE001 - an unreadable list proves nothing
        log.warning("the carrier's list cannot be read", error=type(error).__name__)
        return LookupResult(delivery_id=delivery.delivery_id, attempt=delivery.attempt, records=None)
    return LookupResult(
        delivery_id=delivery.delivery_id,
        attempt=delivery.attempt,
        records=records,
        # A full page that does not reach back to `earliest` may leave out older messages.
        complete=len(listed) < LIST_LIMIT or len(recent) < len(listed),
    )


async def fetch_status(client: Client, carrier_id: str) -> CarrierReceipt | None:
    """The status of one message; None when Twilio cannot be reached, or reports nothing new."""
    try:
        message = await client.messages(carrier_id).fetch_async()
    except Exception as error:  # noqa: BLE001 - it is fetched again later
        log.warning("the message's status cannot be fetched", error=type(error).__name__)
        return None
    status = STATUSES.get(str(message.status))
    if status is None:
        return None
    code = None if message.error_code is None else str(message.error_code)
    return CarrierReceipt(carrier_id=carrier_id, status=status, error_code=code)


def _record(message: MessageInstance, delivery: InDoubtDelivery) -> CarrierRecord | None:
    """The message as a candidate for the delivery; None when it has another sender and other content.

    The church's sender may have changed since: a message with the same content from another sender is reported, with
    `same_content` False. The list has only the number of media, so two messages without text and with equally many
    pictures are indistinguishable.
    """
    service = delivery.sender.messaging_service_sid
    if service is not None:
        same_sender = message.messaging_service_sid == service
    else:
        same_sender = message.from_ == delivery.sender.address
    same_media = int(message.num_media or 0) == len(delivery.details.get("mediaUrls", ()))
    same_content = same_media and _same_text(message.body, delivery.content)
    if not (same_sender or same_content):
        return None
    return CarrierRecord(carrier_id=str(message.sid), same_content=same_sender and same_content)


def _same_text(body: str | None, content: str) -> bool:
    """Equal apart from white space, which carriers trim."""
    return (body or "").split() == content.split()
