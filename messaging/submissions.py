"""What is submitted to a carrier or looked up there, and the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """The sender of a church on one channel: a number, or a messaging service that selects one."""

    address: str | None
    messaging_service_sid: str | None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The channel's own fields, such as a display name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """One claimed delivery, ready for the carrier. `attempt` counts claims from 1, `tries` transient refusals."""

    church_id: UUID
    delivery_id: UUID
    attempt: int
    address: str
    content: str
    sender: Sender
    tries: int = 0
    age_seconds: float = 0.0
    """Since it was due (docs/time.md, Too late)."""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The channel's own fields of a message, such as a subject."""

    def result(self, kind: ResultKind, reason: str) -> SubmissionResult:
        """Returns a result for this envelope that has neither an id nor an error code of the carrier."""
        return SubmissionResult(delivery_id=self.delivery_id, attempt=self.attempt, kind=kind, reason=reason)


class ResultKind(StrEnum):
    """The kinds of results of a submission. The retry policy depends on nothing else."""

    ACCEPTED = "accepted"
    """The carrier accepted it and returned its id."""
    PERMANENT = "permanent"
    """Refused for good, because of this recipient or this content."""
    TRANSIENT = "transient"
    """Certainly not accepted; a retry may succeed."""
    THROTTLED = "throttled"
    """Not processed: too many requests, or the carrier is unreachable. The sender is throttled."""
    SENDER = "sender"
    """Certainly not accepted, and nothing will be until a person corrects the sender."""
    AMBIGUOUS = "ambiguous"
    """The request was sent and no response arrived: it may or may not have been accepted."""
    UNSUBMITTED = "unsubmitted"
    """Not sent to the carrier: the lease was about to expire, or the worker is stopping."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmissionResult:
    """The result of one envelope. `error_code` is the carrier's; `reason` is for people and has no phone numbers."""

    delivery_id: UUID
    attempt: int
    kind: ResultKind
    carrier_id: str | None = None
    error_code: str | None = None
    reason: str | None = None
    retry_after_seconds: float | None = None
    latency_seconds: float | None = None
    """How long the carrier took until its response, or until a timeout or failure. None if it was not contacted."""
    opted_out: bool = False
    """The recipient sent STOP to the carrier: the church may send nothing more to the address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InDoubtDelivery:
    """A delivery in doubt: the carrier may have it, submitted at `since` or later."""

    delivery_id: UUID
    attempt: int
    address: str
    content: str
    sender: Sender
    since: datetime
    repeats: int = 0
    """How often it was queued again because it was not found."""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The channel's own fields of the message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CarrierRecord:
    """A message in the carrier's list with the recipient, sender and period of the delivery in doubt."""

    carrier_id: str
    same_content: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class LookupResult:
    """What the carrier's list has for one delivery in doubt; `records` is None if the list could not be read."""

    delivery_id: UUID
    attempt: int
    records: tuple[CarrierRecord, ...] | None
    complete: bool = True
    """Whether the list was read back to before the delivery can have been submitted."""
