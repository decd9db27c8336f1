"""What is handed to a carrier, and what it can answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """Who a church sends as on one channel: a number, or a messaging service that picks one."""

    address: str | None
    messaging_service_sid: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """One claimed delivery, ready for the carrier. `attempt` counts from 1."""

    delivery_id: UUID
    attempt: int
    address: str
    content: str
    sender: Sender


class Verdict(StrEnum):
    """The five things a submission can come to; retry policy follows from these alone."""

    ACCEPTED = "accepted"
    """The carrier has it and gave its id."""
    PERMANENT = "permanent"
    """Will never work for this recipient or this content."""
    TRANSIENT = "transient"
    """Certainly not accepted; may work later."""
    SENDER = "sender"
    """Nothing works for this sender until a person mends it; certainly not accepted."""
    AMBIGUOUS = "ambiguous"
    """The request left and no answer came: accepted or not, nobody knows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one envelope. `error_code` is the carrier's own; `reason` is for people, without numbers."""

    delivery_id: UUID
    attempt: int
    verdict: Verdict
    carrier_id: str | None = None
    error_code: str | None = None
    reason: str | None = None
    retry_after_seconds: float | None = None
    opted_out: bool = False
    """The recipient told the carrier to stop: no further message of this church may go there."""
