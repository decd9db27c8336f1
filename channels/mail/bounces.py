"""Bounces: the mail in which a server says that it could not deliver one (RFC 3464).

Anyone may post one, so the order matters: first `find_attempt` looks for the sealed address alone, and only what came
to one is read by `read_bounce`. Whoever got a mail of ours knows one sealed address: reading is bounded too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from uuid import UUID

from channels.base import CarrierReceipt, ForgedCallback
from channels.mail.composing import message_id, own_name
from channels.mail.errors import GONE
from channels.mail.mime_parts import UnreadableMail, find_parts, read_headers
from channels.mail.signed_tokens import BounceAddresses
from messaging.states import Status
from settings import Settings

HEAD_BYTES = 64 * 1024
"""The beginning of a mail, in which the headers must name the address that it came to."""
MAX_BYTES = 1_000_000
"""A report and the mail that came back: most servers return its headers alone, or its first 50 kB."""
MAX_BLOCKS = 100
"""Recipients that one report may speak of. Our mails have one."""

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)
_RECIPIENT_HEADERS = (b"delivered-to", b"x-original-to", b"envelope-to", b"to")
"""Where servers leave the address that a mail was delivered to."""
_UNSAID = "5.0.0"
_BLANK_LINES = re.compile(rb"\n\n+")


@dataclass(frozen=True, kw_only=True, slots=True)
class BouncedAttempt:
    """The attempt that a sealed address was made for."""

    delivery_id: UUID
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounce:
    """What came back, and about which attempt."""

    delivery_id: UUID
    attempt: int
    receipt: CarrierReceipt | None
    """None for what says nothing for good: a delay, a success, somebody's automatic answer."""
    gone: bool = False
    """The address itself is dead."""


def takes_bounces(settings: Settings) -> bool:
    """Whether this service gives its mails addresses for bounces. If not, every bounce is forged.

    With MAIL_ENABLED off they are still taken: they may be about mails that were sent before.
    """
    return None not in (settings.smtp_url, settings.secret_key, settings.mail_bounce_domain)


def find_attempt(head: bytes, *, delivered_to: str | None, settings: Settings) -> BouncedAttempt:
    """The attempt that the mail is about. It takes one pass over `head`, the mail's first HEAD_BYTES, and no parsing.

    `delivered_to` is the address it came to, if the mail server told; else its headers do. The address proves that the
    bounce is about a mail of ours: it stood nowhere but in that mail's envelope. Raises ForgedCallback when it came to
    none of our addresses.
    """
    addresses = BounceAddresses(settings)
    found = None if delivered_to is None else addresses.attempt_of(delivered_to)
    for header in _recipient_headers(head):
        found = found or addresses.find_attempt(header)
    if found is None:
        raise ForgedCallback
    delivery_id, attempt = found
    return BouncedAttempt(delivery_id=delivery_id, attempt=attempt)


def read_bounce(raw: bytes, *, about: BouncedAttempt, settings: Settings) -> Bounce:
    """What the mail says about the attempt. Raises UnreadableMail."""
    try:
        code = _final_failure(raw)
    except UnreadableMail:
        raise
    except Exception as error:  # the library's parser of headers has failures of many types
        raise UnreadableMail(f"parsing failed ({type(error).__name__})") from error
    if code is None:
        return Bounce(delivery_id=about.delivery_id, attempt=about.attempt, receipt=None)
    receipt = CarrierReceipt(
        carrier_id=message_id(about.delivery_id, own_name(settings)), status=Status.UNDELIVERED, error_code=code
    )
    gone = code.startswith("5.") and code.partition(".")[2] in GONE
    return Bounce(delivery_id=about.delivery_id, attempt=about.attempt, receipt=receipt, gone=gone)


def _recipient_headers(head: bytes) -> list[bytes]:
    """The lines of the recipient headers, continued ones included, in the order in which they are believed."""
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
    """The status of the first recipient whose delivery failed for good; there is only one in our mails."""
    for report in find_parts(raw, media_type="message/delivery-status"):
        for block in _blocks(report):
            if _word(block, "Action").lower() == "failed":
                status = _STATUS.match(_word(block, "Status"))
                return status[0] if status else _UNSAID
    return None


def _blocks(report: bytes) -> Iterator[Message]:
    """The fields about the mail, then those about each recipient (RFC 3464, section 2.1)."""
    blocks = _BLANK_LINES.split(report.replace(b"\r\n", b"\n"), maxsplit=MAX_BLOCKS)
    if len(blocks) > MAX_BLOCKS:
        raise UnreadableMail("the report speaks of too many recipients")
    return map(read_headers, blocks)


def _word(block: Message, name: str) -> str:
    """A field without its comment."""
    return str(block.get(name, "")).partition("(")[0].strip()
