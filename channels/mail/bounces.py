"""Bounces: the mail in which a server says that it could not deliver one (RFC 3464)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32, default
from email.utils import getaddresses
from typing import cast
from uuid import UUID

from channels.base import CarrierReceipt, ForgedCallback
from channels.mail.composing import message_id, own_name
from channels.mail.errors import GONE
from channels.mail.signatures import BounceAddresses
from messaging.states import Status
from settings import Settings

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
"""Where servers leave the address that a mail was delivered to."""
_UNSAID = "5.0.0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounce:
    """What came back, and about which attempt."""

    delivery_id: UUID
    attempt: int
    receipt: CarrierReceipt | None
    """None for what says nothing for good: a delay, a success, somebody's automatic answer."""
    gone: bool = False
    """The address itself is dead."""


def read_bounce(raw: bytes, *, delivered_to: str | None, settings: Settings) -> Bounce:
    """What the mail says. `delivered_to`: the address it came to, if the mail server told; else its headers do.

    The address proves that the bounce is about a mail of ours: it stood nowhere but in that mail's envelope. Raises
    ForgedCallback when it came to none of our addresses.
    """
    addresses = BounceAddresses(settings)
    for address in _addresses(raw, delivered_to):
        if attempt := addresses.attempt_of(address):
            return _bounce(raw, *attempt, settings)
    raise ForgedCallback


def _addresses(raw: bytes, delivered_to: str | None) -> Iterable[str]:
    if delivered_to is not None:
        yield delivered_to
    headers = BytesHeaderParser(policy=compat32).parsebytes(raw)
    named = [str(value) for header in _RECIPIENT_HEADERS for value in headers.get_all(header, [])]
    yield from (address for _, address in getaddresses(named))


def _bounce(raw: bytes, delivery_id: UUID, attempt: int, settings: Settings) -> Bounce:
    code = _final_failure(BytesParser(policy=default).parsebytes(raw))
    if code is None:
        return Bounce(delivery_id=delivery_id, attempt=attempt, receipt=None)
    receipt = CarrierReceipt(
        carrier_id=message_id(delivery_id, own_name(settings)), status=Status.UNDELIVERED, error_code=code
    )
    gone = code.startswith("5.") and code.partition(".")[2] in GONE
    return Bounce(delivery_id=delivery_id, attempt=attempt, receipt=receipt, gone=gone)


def _final_failure(message: Message) -> str | None:
    """The status of the first recipient whose delivery failed for good; there is only one in our mails."""
    for part in message.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for block in cast("list[Message]", part.get_payload()):  # as the parser reads this type (RFC 3464, 2.1)
            if _word(block, "Action").lower() == "failed":
                status = _STATUS.match(_word(block, "Status"))
                return status[0] if status else _UNSAID
    return None


def _word(block: Message, name: str) -> str:
    """A field without its comment."""
    return str(block.get(name, "")).partition("(")[0].strip()
