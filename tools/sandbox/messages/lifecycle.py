"""Moves messages from their first to their final status."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import time
from typing import Final

from tools.sandbox.messages.ledger import Ledger
from tools.sandbox.messages.magic_numbers import OUTCOMES, SERVICE_SENDER
from tools.sandbox.messages.message import Message, Status
from tools.sandbox.timers import Timers

NEXT: Final[dict[Status, Status]] = {
    "accepted": "queued",
    "queued": "sending",
    "sending": "sent",
    "sent": "delivered",
}
"""The status that follows each status, unless the recipient is a magic number."""

OnStatus = Callable[[Message], None]


@dataclass(frozen=True, kw_only=True)
class StatusDelays:
    """How long a message stays in each status, in milliseconds. Short, because tests wait for it."""

    sending_after_ms: float = 10.0
    sent_after_ms: float = 10.0
    finished_after_ms: float = 20.0


class Lifecycle:
    """Changes the status of messages over time and reports every status but the first, as Twilio does."""

    def __init__(self, ledger: Ledger, *, timers: Timers, delays: StatusDelays, on_status: OnStatus) -> None:
        self._ledger = ledger
        self._timers = timers
        self._on_status = on_status
        self.under_way = 0
        """How many messages have not reached their final status."""
        self._stay_seconds: dict[Status, float] = {
            "accepted": delays.sending_after_ms / 1000,
            "queued": delays.sending_after_ms / 1000,
            "sending": delays.sent_after_ms / 1000,
            "sent": delays.finished_after_ms / 1000,
        }

    def begin(self, message: Message, *, delay_seconds: float = 0.0) -> None:
        """Schedule the status changes of a new message."""
        self.under_way += 1
        stay_seconds = self._stay_seconds[message.status] + delay_seconds
        self._timers.after(stay_seconds, partial(self._advance, message))

    def _advance(self, message: Message) -> None:
        outcome = OUTCOMES.get(message.to)
        status: Status | None = NEXT[message.status]
        error_code = None
        if outcome is not None and outcome.after == message.status:
            status, error_code = outcome.status, outcome.error_code
        if status is None:
            self.under_way -= 1
            return
        if message.sender is None:
            message.sender = SERVICE_SENDER
        self._ledger.set_status(message, status, now=time(), error_code=error_code)
        self._on_status(message)
        stay_seconds = self._stay_seconds.get(status)
        if stay_seconds is None:
            self.under_way -= 1
        else:
            self._timers.after(stay_seconds, partial(self._advance, message))

    def clear(self) -> None:
        """Reset the count. The caller clears the timers."""
        self.under_way = 0
