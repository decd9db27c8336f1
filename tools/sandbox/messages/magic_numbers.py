"""Numbers with a fixed outcome, also listed in docs/sandbox.md.

Some are Twilio's own: https://www.twilio.com/docs/iam/test-credentials#test-sms-messages
The others are the sandbox's own: +150055 and the five digits of an error code. The message is refused with that code,
or fails with it after acceptance. Messages to every other number are delivered.
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
_SENDER_NOT_OWNED: Final = 21606

_REQUEST_ERRORS: Final = frozenset((20001, 20004, 20007, 20500))
"""Errors that do not depend on the recipient."""

REFUSED_RECIPIENTS: Final[dict[str, int]] = {
    **{f"+150055{code}": code for code in ERRORS if code not in _REQUEST_ERRORS},
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
class Outcome:
    """How a message ends that is not delivered: `status` follows `after`; None means that no status follows."""

    after: Status
    status: Status | None
    error_code: int | None = None


OUTCOMES: Final[dict[str, Outcome]] = {
    "+15005511200": Outcome(after="queued", status="failed", error_code=11200),
    "+15005511751": Outcome(after="queued", status="failed", error_code=11751),
    "+15005512300": Outcome(after="queued", status="failed", error_code=12300),
    "+15005530000": Outcome(after="sent", status=None),
    "+15005530001": Outcome(after="queued", status="failed", error_code=30001),
    "+15005530002": Outcome(after="queued", status="failed", error_code=30002),
    "+15005530003": Outcome(after="sent", status="undelivered", error_code=30003),
    "+15005530004": Outcome(after="sent", status="undelivered", error_code=30004),
    "+15005530005": Outcome(after="sent", status="undelivered", error_code=30005),
    "+15005530006": Outcome(after="sent", status="undelivered", error_code=30006),
    "+15005530007": Outcome(after="sending", status="failed", error_code=30007),
    "+15005530008": Outcome(after="sent", status="undelivered", error_code=30008),
    "+15005530011": Outcome(after="sent", status="undelivered", error_code=30011),
    "+15005530019": Outcome(after="sent", status="undelivered", error_code=30019),
    "+15005530022": Outcome(after="queued", status="failed", error_code=30022),
    "+15005530023": Outcome(after="queued", status="failed", error_code=30023),
    "+15005530027": Outcome(after="queued", status="failed", error_code=30027),
    "+15005530034": Outcome(after="sent", status="undelivered", error_code=30034),
    "+15005563019": Outcome(after="queued", status="failed", error_code=63019),
    "+15005563038": Outcome(after="queued", status="failed", error_code=63038),
}
"""By To number. +15005530000 stays `sent`, as in networks without delivery receipts."""


def sender_error(sender: str) -> int | None:
    """Return the error code for a From number, or None if the account may send from it.

    Of Twilio's magic numbers only one is valid. The account owns every number outside their range.
    """
    if sender in REFUSED_SENDERS:
        return REFUSED_SENDERS[sender]
    return _SENDER_NOT_OWNED if sender.startswith(_MAGIC_SENDERS) and sender != GOOD_SENDER else None
