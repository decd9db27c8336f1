"""Reads bounces: the mail in which a server reports that it could not deliver one (RFC 3464).

Anyone may post one, so the order matters: `find_attempt` only searches for one of our signed addresses, and
`read_bounce` parses only mails that were sent to one. Every recipient of our mails can see a signed address, so the
parsing is bounded too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from uuid import UUID

from channels.incoming import CarrierReceipt, ForgedRequest
from channels.mail.composing import message_id, service_host
from channels.mail.errors import DEAD_ADDRESS_CODES
from channels.mail.mime_parts import UnreadableMail, find_parts, read_headers
from channels.mail.signed_tokens import BounceAddresses
from messaging.states import Status
from settings import Settings

HEAD_BYTES = 64 * 1024
"""The first part of a mail. The address that it was delivered to must be in the headers within it."""
MAX_BYTES = 1_000_000
"""A report and the returned mail, of which most servers return only the headers or the first 50 kB."""
MAX_BLOCKS = 100
"""The most recipients that one report may list. Our mails have one."""

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)
_RECIPIENT_HEADERS = (b"delivered-to", b"x-original-to", b"envelope-to", b"to")
"""The headers in which servers record the address that a mail was delivered to."""
_UNSPECIFIED = "5.0.0"
_BLANK_LINES = re.compile(rb"\n\n+")


@dataclass(frozen=True, kw_only=True, slots=True)
class BouncedAttempt:
    """The attempt that a signed address belongs to."""

    delivery_id: UUID
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounce:
    """What a bounce reports, and about which attempt."""

    delivery_id: UUID
    attempt: int
    receipt: CarrierReceipt | None
    """None for a mail that reports no final failure: a delay, a success, an automatic answer."""
    address_is_dead: bool = False
    """The address itself does not exist or is disabled; nothing more should be sent to it."""


def takes_bounces(settings: Settings) -> bool:
    """Whether mails get a signed address for bounces with these settings. If not, no bounce can be genuine.

    Bounces are also accepted with MAIL_ENABLED off: they may be about mails that were sent before.
    """
    return None not in (settings.smtp_url, settings.secret_key, settings.mail_bounce_domain)


def find_attempt(head: bytes, *, delivered_to: str | None, settings: Settings) -> BouncedAttempt:
    """The attempt that the mail is about. Takes one pass over `head`, the mail's first HEAD_BYTES, and parses nothing.

    `delivered_to` is the address that the mail was delivered to, if the mail server passed it; otherwise the headers
    name it. The address proves that the bounce is about a mail of ours: it was only in that mail's envelope. Raises
    ForgedRequest when the mail was sent to none of our addresses.
    """
    addresses = BounceAddresses(settings)
    found = None if delivered_to is None else addresses.attempt_of(delivered_to)
    for header in _recipient_headers(head):
        found = found or addresses.find_attempt(header)
    if found is None:
        raise ForgedRequest("The mail was not sent to one of our addresses.")
    delivery_id, attempt = found
    return BouncedAttempt(delivery_id=delivery_id, attempt=attempt)


def read_bounce(raw: bytes, *, about: BouncedAttempt, settings: Settings) -> Bounce:
    """What the mail reports about the attempt. Raises UnreadableMail."""
    try:
        code = _final_failure(raw)
    except UnreadableMail:
        raise
    except Exception as error:  # the library's header parser raises errors of many types
        raise UnreadableMail(f"parsing failed ({type(error).__name__})") from error
    if code is None:
        return Bounce(delivery_id=about.delivery_id, attempt=about.attempt, receipt=None)
    receipt = CarrierReceipt(
        carrier_id=message_id(about.delivery_id, service_host(settings)), status=Status.UNDELIVERED, error_code=code
    )
    address_is_dead = code.startswith("5.") and code.partition(".")[2] in DEAD_ADDRESS_CODES
    return Bounce(
        delivery_id=about.delivery_id, attempt=about.attempt, receipt=receipt, address_is_dead=address_is_dead
    )


def _recipient_headers(head: bytes) -> list[bytes]:
    """The lines of the recipient headers, continuation lines included, the most reliable header first."""
    lines: dict[bytes, list[bytes]] = {name: [] for name in _RECIPIENT_HEADERS}
    current: list[bytes] | None = None
    for line in head.splitlines():
        if not line:
            break
        if line[:1] not in (b" ", b"\t"):
            current = lines.get(line.partition(b":")[0].strip().lower())
        if current is not None:
            current.append(line)
    return [line for found in lines.values() for line in found]


def _final_failure(raw: bytes) -> str | None:
    """The status code of the first recipient whose delivery failed permanently. Our mails have one recipient."""
    for report in find_parts(raw, media_type="message/delivery-status"):
        for block in _blocks(report):
            if _word(block, "Action").lower() == "failed":
                status = _STATUS.match(_word(block, "Status"))
                return status[0] if status else _UNSPECIFIED
    return None


def _blocks(report: bytes) -> Iterator[Message]:
    """The fields about the mail, then the fields about each recipient (RFC 3464, section 2.1)."""
    blocks = _BLANK_LINES.split(report.replace(b"\r\n", b"\n"), maxsplit=MAX_BLOCKS)
    if len(blocks) > MAX_BLOCKS:
        raise UnreadableMail("the report lists too many recipients")
    return map(read_headers, blocks)


def _word(block: Message, name: str) -> str:
    """The value of a field, without its comment."""
    return str(block.get(name, "")).partition("(")[0].strip()
