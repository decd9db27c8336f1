"""One accepted message."""

from dataclasses import dataclass
from typing import Literal

from tools.sandbox.messages.bodies import Body

Status = Literal["accepted", "queued", "sending", "sent", "delivered", "undelivered", "failed"]
"""https://www.twilio.com/docs/messaging/api/message-resource#message-status-values"""

FINAL_STATUSES: frozenset[Status] = frozenset(("delivered", "undelivered", "failed"))


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """What the carrier knows about a message. A million of them must fit in memory, so fields are few."""

    number: int
    """Its position in the ledger, from 0. The sid ends with it."""
    sid_stem: str
    """SM or MM and 24 hex digits, shared by all messages of one ledger."""
    to: str
    sender: str | None
    """Twilio's `from`; None until the messaging service has chosen one."""
    messaging_service_sid: str | None
    body: Body
    media_urls: tuple[str, ...]
    status_callback: str | None
    status: Status
    created_at: float
    """Seconds since the epoch, like all times here."""
    updated_at: float
    sent_at: float | None = None
    error_code: int | None = None
    previous_to: "Message | None" = None
    """The previous message to the same number."""

    @property
    def sid(self) -> str:
        return f"{self.sid_stem}{self.number:08x}"

    @property
    def num_segments(self) -> int:
        """Billed segments: 1 for an MMS, 0 until the messaging service has chosen a sender."""
        if self.sender is None:
            return 0
        return 1 if self.media_urls else self.body.segments
