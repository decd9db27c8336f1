"""Sends notices, each way in its own thread: one that fails or hangs delays no other."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import logs
from channels.elapsed_time import elapsed_seconds
from jobs.monitoring.bounded_calls import BoundedCalls
from jobs.monitoring.incidents import Incident
from jobs.monitoring.notice_text import NoticeText
from jobs.monitoring.notices import LONGEST_ATTEMPT_SECONDS, Notice, Phase, find
from jobs.monitoring.ways import Way

log = logs.get_logger(__name__)

_START_WITHIN_SECONDS = 10.0
"""A thread that did not run for longer than this (its process was stopped) does not send: another watcher may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One attempt that has ended."""

    incident_id: UUID
    notice: Notice
    began_at: datetime
    error: str | None
    """Why the notice did not arrive; None when it did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sending:
    incident_id: UUID
    notice: Notice
    began_at: datetime
    result: Future[str | None]
    began: float


class Outbox:
    """At most one attempt of each way is under way."""

    def __init__(self, ways: Mapping[str, Way]) -> None:
        self._ways = ways
        self._calls = BoundedCalls()
        self._sending: dict[str, _Sending] = {}

    @property
    def way_names(self) -> tuple[str, ...]:
        return tuple(self._ways)

    @property
    def is_sending(self) -> bool:
        return any(not sending.result.done() for sending in self._sending.values())

    def next_notice(self, way: str, incidents: list[Incident], now: datetime) -> tuple[Incident, Notice] | None:
        """Return the notice that this way sends next, or None if none is due or the way is not free."""
        if way in self._sending or not self._calls.is_free(way):
            return None
        due = [
            (incident, notice)
            for incident in incidents
            for phase in Phase
            if (notice := find(incident.notices, phase, way))
            and notice.is_due_sometime
            and notice.next_attempt_at <= now
        ]
        return min(due, key=lambda each: each[1].next_attempt_at, default=None)

    def send(self, incident: Incident, notice: Notice, text: NoticeText, *, began_at: datetime) -> None:
        """Begin the attempt. It must be counted and stored already."""
        way, asked = self._ways[notice.way], elapsed_seconds()

        def attempt() -> str | None:
            if elapsed_seconds() - asked > _START_WITHIN_SECONDS:
                return "the process was stopped meanwhile"
            return way(text)

        self._sending[notice.way] = _Sending(
            incident_id=incident.incident_id,
            notice=notice,
            began_at=began_at,
            result=self._calls.start(notice.way, attempt),
            began=asked,
        )

    def take_ended(self) -> list[Attempt]:
        """Return the attempts that have ended since the last call, and those that take too long."""
        ended: list[Attempt] = []
        for name, sending in list(self._sending.items()):
            if sending.result.done():
                error = _outcome(sending.result)
            elif elapsed_seconds() - sending.began > LONGEST_ATTEMPT_SECONDS:
                error = f"no answer within {LONGEST_ATTEMPT_SECONDS:g} s"
            else:
                continue
            del self._sending[name]
            ended.append(
                Attempt(
                    incident_id=sending.incident_id,
                    notice=sending.notice,
                    began_at=sending.began_at,
                    error=error,
                )
            )
        return ended


def _outcome(result: Future[str | None]) -> str | None:
    error = result.exception()
    if error is None:
        return result.result()
    log.error("a notice could not be sent", error=repr(type(error).__name__))
    return type(error).__name__
