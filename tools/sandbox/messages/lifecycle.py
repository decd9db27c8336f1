"""The way of a message from accepted to its last status, and who is told."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import time
from typing import Final

from tools.sandbox.messages.ledger import Ledger
from tools.sandbox.messages.magic_numbers import FATES, SERVICE_SENDER
from tools.sandbox.messages.message import Message, Status
from tools.sandbox.wheel import Wheel

NEXT: Final[dict[Status, Status]] = {
    "accepted": "queued",
    "queued": "sending",
    "sending": "sent",
    "sent": "delivered",
}
"""What follows each status unless the recipient's number decides otherwise."""

OnStatus = Callable[[Message], None]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a message stays in each status, in milliseconds. Fast: what waits for it is a test."""

    sending_after_ms: float = 10.0
    sent_after_ms: float = 10.0
    finished_after_ms: float = 20.0


class Lifecycle:
    """Moves messages along and tells of every status but the first, as Twilio does."""

    def __init__(self, ledger: Ledger, *, wheel: Wheel, pace: Pace, on_status: OnStatus) -> None:
        self._ledger = ledger
        self._wheel = wheel
        self._on_status = on_status
        self.under_way = 0
        """How many messages have a status still to come."""
        self._stay_seconds: dict[Status, float] = {
            "accepted": pace.sending_after_ms / 1000,
            "queued": pace.sending_after_ms / 1000,
            "sending": pace.sent_after_ms / 1000,
            "sent": pace.finished_after_ms / 1000,
        }

    def begin(self, message: Message, *, delay_seconds: float = 0.0) -> None:
        """Set a new message on its way."""
        self.under_way += 1
        stay_seconds = self._stay_seconds[message.status] + delay_seconds
        self._wheel.after(stay_seconds, partial(self._advance, message))

    def _advance(self, message: Message) -> None:
        fate = FATES.get(message.to)
        status: Status | None = NEXT[message.status]
        error_code = None
        if fate is not None and fate.after == message.status:
            status, error_code = fate.status, fate.error_code
        if status is None:
            self.under_way -= 1
            return
        if message.sender is None:
            message.sender = SERVICE_SENDER
        self._ledger.move(message, status, now=time(), error_code=error_code)
        self._on_status(message)
        stay_seconds = self._stay_seconds.get(status)
        if stay_seconds is None:
            self.under_way -= 1
        else:
            self._wheel.after(stay_seconds, partial(self._advance, message))

    def forget(self) -> None:
        """Have all messages stay as they are. Their timers are the wheel's to clear."""
        self.under_way = 0
