"""How anyone asks for work to be done: a bell, rung for a job.

A job carries ids only and means "there may be work here": running it twice, late, or for nothing is harmless. Of one
job with the same ids at most one waits at a time, so ringing often is harmless too. Ringing never raises: what is not
heard now, the clock rings again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from uuid import UUID

from channels.registry import CHANNELS
from jobs.job_queue.job_kinds import APPLY_RECEIPTS, EXPAND_MESSAGES, SUBMIT_BATCH, JobKind
from jobs.job_queue.queues import enabled_queues, housekeeping_queue
from settings import Settings


class JobQueue(ABC):
    """What the ringers see; the ways to be heard are below it."""

    def __init__(self, settings: Settings) -> None:
        self._housekeeping = housekeeping_queue(settings)
        self._served = frozenset(enabled_queues(settings))

    @abstractmethod
    def enqueue(self, kind: JobKind, queue: str, *arguments: str) -> bool:
        """Ask for a job, its arguments ids. Whether it was heard, now or before."""

    @abstractmethod
    def withdraw_failed(self, queue: str, job_id: str) -> bool:
        """Take the job off the list of failed ones, where nothing is left to be done about it. Whether it is off."""

    @abstractmethod
    def close(self) -> None:
        """Let go of every connection."""

    @abstractmethod
    def check(self) -> str | None:
        """None when the bell works, else why not."""

    def enqueue_expansion(self, *, channel: str) -> bool:
        """Ask for the audiences of the channel's due messages to be written."""
        return self._enqueue_for_channel(EXPAND_MESSAGES, channel, channel)

    def enqueue_batch(self, *, channel: str, church_id: UUID) -> bool:
        """Ask for one turn of sending for the church."""
        return self._enqueue_for_channel(SUBMIT_BATCH, channel, str(church_id), channel)

    def enqueue_receipts(self) -> bool:
        """Ask for stored receipts to be applied."""
        return self.enqueue(APPLY_RECEIPTS, self._housekeeping)

    def enqueue_tick(self, kind: JobKind) -> bool:
        """Ask for a piece of housekeeping."""
        if kind.per_channel:
            heard = [self.enqueue(kind, channel, channel) for channel in CHANNELS if channel in self._served]
            return all(heard)
        return self.enqueue(kind, self._housekeeping)

    def _enqueue_for_channel(self, kind: JobKind, channel: str, *arguments: str) -> bool:
        """Unless its queue is switched off: then nobody would take the job, and what is due waits in the ledger."""
        return channel in self._served and self.enqueue(kind, channel, *arguments)
