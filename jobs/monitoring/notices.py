"""The notices of an incident: one for each way and phase, repeated until it arrives. Pure: the times are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from messaging.backoff import backoff_seconds

MOST_ATTEMPTS = 20
"""After about two hours a notice that never arrived is given up."""
LONGEST_ATTEMPT_SECONDS = 25.0
_FIRST_BACKOFF_SECONDS = 5.0
_LONGEST_BACKOFF_SECONDS = 600.0


class Phase(StrEnum):
    OPENED = "opened"
    RECOVERED = "recovered"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One notice by one way. An attempt is counted and stored before it begins: a watcher that is killed after the
    notice left causes at most one repetition."""

    phase: Phase
    way: str
    attempts: int = 0
    next_attempt_at: datetime
    told_at: datetime | None = None
    """When the attempt began that arrived."""
    error: str | None = None
    """Why the last attempt failed."""

    @property
    def is_due_sometime(self) -> bool:
        return self.told_at is None and self.attempts < MOST_ATTEMPTS

    def begun(self, now: datetime) -> Notice:
        """Return it with one attempt more. Until the result of the attempt is known it counts as failed."""
        pause = backoff_seconds(
            self.attempts + 1, base_seconds=_FIRST_BACKOFF_SECONDS, limit_seconds=_LONGEST_BACKOFF_SECONDS
        )
        # A watcher that takes over waits longer than an attempt can last.
        return replace(
            self,
            attempts=self.attempts + 1,
            next_attempt_at=now + timedelta(seconds=max(pause, LONGEST_ATTEMPT_SECONDS)),
            error="the attempt did not end",
        )

    def failed(self, error: str, now: datetime) -> Notice:
        pause = backoff_seconds(
            self.attempts, base_seconds=_FIRST_BACKOFF_SECONDS, limit_seconds=_LONGEST_BACKOFF_SECONDS
        )
        return replace(self, next_attempt_at=now + timedelta(seconds=pause), error=error)

    def arrived(self, began_at: datetime) -> Notice:
        return replace(self, told_at=began_at, error=None)


def with_due_notices(
    notices: tuple[Notice, ...], *, recovered_at: datetime | None, ways: Iterable[str], now: datetime
) -> tuple[Notice, ...]:
    """Return the notices with those that are missing.

    An open incident is told by every way. Its recovery is told by the ways by which its beginning arrived; an incident
    whose beginning has not arrived when it ends is told once, with both times.
    """
    added: list[Notice] = []
    for way in ways:
        opened = find(notices, Phase.OPENED, way)
        if recovered_at is None:
            phase = Phase.OPENED
        elif opened is not None and opened.told_at is not None and opened.told_at < recovered_at:
            phase = Phase.RECOVERED
        else:
            continue
        if find(notices, phase, way) is None:
            added.append(Notice(phase=phase, way=way, next_attempt_at=now))
    return (*notices, *added)


def find(notices: Iterable[Notice], phase: Phase, way: str) -> Notice | None:
    return next((notice for notice in notices if notice.phase is phase and notice.way == way), None)


def replaced(notices: tuple[Notice, ...], new: Notice) -> tuple[Notice, ...]:
    """Return the notices with the new one in place of that of the same phase and way."""
    return tuple(new if (each.phase, each.way) == (new.phase, new.way) else each for each in notices)


def to_json(notice: Notice) -> dict[str, Any]:
    return {
        "phase": notice.phase.value,
        "way": notice.way,
        "attempts": notice.attempts,
        "nextAttemptAt": notice.next_attempt_at.isoformat(),
        "toldAt": None if notice.told_at is None else notice.told_at.isoformat(),
        "error": notice.error,
    }


def from_json(fields: Mapping[str, Any]) -> Notice:
    return Notice(
        phase=Phase(fields["phase"]),
        way=fields["way"],
        attempts=fields["attempts"],
        next_attempt_at=datetime.fromisoformat(fields["nextAttemptAt"]),
        told_at=None if fields["toldAt"] is None else datetime.fromisoformat(fields["toldAt"]),
        error=fields["error"],
    )
