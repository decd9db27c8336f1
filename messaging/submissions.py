"""What is handed to a carrier, and what it can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """Who a church sends as on one channel: a number, or a messaging service that picks one."""

    address: str | None
    messaging_service_sid: str | None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the channel needs beyond these, such as a name to show."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """One claimed delivery, ready for the carrier. `attempt` counts claims from 1, `tries` transient refusals."""

    delivery_id: UUID
    attempt: int
    address: str
    content: str
    sender: Sender
    tries: int = 0
    age_seconds: float = 0.0
    """Since it was last meant to go out (docs/time.md, Too late)."""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the channel carries beyond the text, such as a subject."""


class ResultKind(StrEnum):
    """The things a submission can come to; retry policy follows from these alone."""

    ACCEPTED = "accepted"
    """The carrier has it and gave its id."""
    PERMANENT = "permanent"
    """Will never work for this recipient or this content."""
    TRANSIENT = "transient"
    """Certainly not accepted; may work later."""
    THROTTLED = "throttled"
    """Not even looked at: too fast, or the carrier cannot be reached. The sender is to wait."""
    SENDER = "sender"
    """Nothing works for this sender until a person mends it; certainly not accepted."""
    AMBIGUOUS = "ambiguous"
    """The request left and no answer came: accepted or not, nobody knows."""
    UNSUBMITTED = "unsubmitted"
    """Never left us: its lease was about to end, or the worker is stopping."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmissionResult:
    """What became of one envelope. `error_code` is the carrier's own; `reason` is for people, without numbers."""

    delivery_id: UUID
    attempt: int
    kind: ResultKind
    carrier_id: str | None = None
    error_code: str | None = None
    reason: str | None = None
    retry_after_seconds: float | None = None
    opted_out: bool = False
    """The recipient told the carrier to stop: no further message of this church may go there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InDoubtDelivery:
    """A delivery in doubt: perhaps the carrier has it, submitted at `since` or later."""

    delivery_id: UUID
    attempt: int
    address: str
    content: str
    sender: Sender
    since: datetime
    repeats: int = 0
    """How often it was sent again because it was not found."""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the channel carries beyond the text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CarrierRecord:
    """A message in the carrier's list, to the suspect's recipient, from its sender, in its time."""

    carrier_id: str
    same_content: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class LookupResult:
    """What the carrier's list holds for one suspect; `records` is None when the list could not be read."""

    delivery_id: UUID
    attempt: int
    records: tuple[CarrierRecord, ...] | None
    complete: bool = True
    """The list was read back to before the suspect can have been submitted."""
