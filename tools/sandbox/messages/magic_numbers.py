"""Numbers that always meet the same fate, listed for people in docs/sandbox.md.

Some are Twilio's own: https://www.twilio.com/docs/iam/test-credentials#test-sms-messages
The others are the sandbox's: +150055 and the five digits of an error code, with which the message is refused, or fails
after it was accepted. Every other number is delivered.
"""

from dataclasses import dataclass
from typing import Final

from tools.sandbox.messages.errors import ERRORS
from tools.sandbox.messages.message import Status

REFUSED_SENDERS: Final[dict[str, int]] = {
    "+15005550001": 21212,
    "+15005550007": 21606,
    "+15005550008": 21611,
}
"""Error code by From number."""

GOOD_SENDER: Final = "+15005550006"
_MAGIC_SENDERS: Final = "+1500555"
_NOT_THE_ACCOUNTS: Final = 21606

_OF_THE_REQUEST: Final = frozenset((20001, 20004, 20007, 20500))
"""Refusals that no recipient brings about."""

REFUSED_RECIPIENTS: Final[dict[str, int]] = {
    **{f"+150055{code}": code for code in ERRORS if code not in _OF_THE_REQUEST},
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
"""Error code by To number."""

SERVICE_SENDER: Final = GOOD_SENDER
"""The number that every messaging service sends from."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """How a message ends otherwise than delivered: after the status `after` comes `status`, or nothing."""

    after: Status
    status: Status | None
    error_code: int | None = None


FATES: Final[dict[str, Fate]] = {
    "+15005511200": Fate(after="queued", status="failed", error_code=11200),
    "+15005511751": Fate(after="queued", status="failed", error_code=11751),
    "+15005512300": Fate(after="queued", status="failed", error_code=12300),
    "+15005530000": Fate(after="sent", status=None),
    "+15005530001": Fate(after="queued", status="failed", error_code=30001),
    "+15005530002": Fate(after="queued", status="failed", error_code=30002),
    "+15005530003": Fate(after="sent", status="undelivered", error_code=30003),
    "+15005530004": Fate(after="sent", status="undelivered", error_code=30004),
    "+15005530005": Fate(after="sent", status="undelivered", error_code=30005),
    "+15005530006": Fate(after="sent", status="undelivered", error_code=30006),
    "+15005530007": Fate(after="sending", status="failed", error_code=30007),
    "+15005530008": Fate(after="sent", status="undelivered", error_code=30008),
    "+15005530011": Fate(after="sent", status="undelivered", error_code=30011),
    "+15005530019": Fate(after="sent", status="undelivered", error_code=30019),
    "+15005530022": Fate(after="queued", status="failed", error_code=30022),
    "+15005530023": Fate(after="queued", status="failed", error_code=30023),
    "+15005530027": Fate(after="queued", status="failed", error_code=30027),
    "+15005530034": Fate(after="sent", status="undelivered", error_code=30034),
    "+15005563019": Fate(after="queued", status="failed", error_code=63019),
    "+15005563038": Fate(after="queued", status="failed", error_code=63038),
}
"""By To number. +15005530000 stays `sent` for ever, as where the network gives no receipts."""


def sender_error(sender: str) -> int | None:
    """The error code for a From number; None for one that is the account's.

    Of Twilio's magic numbers only one is good. Numbers outside their range are all taken for the account's own.
    """
    if sender in REFUSED_SENDERS:
        return REFUSED_SENDERS[sender]
    return _NOT_THE_ACCOUNTS if sender.startswith(_MAGIC_SENDERS) and sender != GOOD_SENDER else None
