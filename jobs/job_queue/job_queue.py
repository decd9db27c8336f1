"""The interface through which jobs are enqueued.

A job carries ids only and means "there may be work here": running it twice, late, or for nothing is harmless. At most
one job with the same function and ids waits on a queue, so enqueueing often is harmless too. Enqueueing never raises:
when it fails, the clock enqueues the job again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from uuid import UUID

from channels.registry import CHANNELS
from jobs.job_queue.job_kinds import (
    APPLY_RECEIPTS,
    EXPAND_MESSAGES,
    RUN_IMPORTS,
    SUBMIT_BATCH,
    SUBMIT_PACED_BATCH,
    JobKind,
)
from jobs.job_queue.queues import enabled_queues, housekeeping_queue
from settings import Settings


class JobQueue(ABC):
    """Has a method for each kind of work. The subclasses decide where the jobs run."""

    has_workers = True
    """Whether other processes run the jobs. Without, a caller waits for every job that is enqueued meanwhile."""

    def __init__(self, settings: Settings) -> None:
        self._housekeeping = housekeeping_queue(settings)
        self._enabled = frozenset(enabled_queues(settings))

    @abstractmethod
    def enqueue(self, kind: JobKind, queue: str, *arguments: str) -> bool:
        """Enqueue a job; its arguments are ids. Returns whether it is on the queue, now or already."""

    @abstractmethod
    def withdraw_failed(self, queue: str, job_id: str) -> bool:
        """Remove a job from the list of failed jobs, because its cause is fixed. Returns whether it is removed."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""

    @abstractmethod
    def check(self) -> str | None:
        """Why jobs cannot be enqueued now, or may be lost; None when all is well."""

    def enqueue_expansion(self, *, channel: str) -> bool:
        """Enqueue the job that writes the deliveries of the channel's due messages."""
        return self._enqueue_for_channel(EXPAND_MESSAGES, channel, channel)

    def enqueue_batch(self, *, channel: str, church_id: UUID) -> bool:
        """Enqueue the job that submits the church's next batch."""
        return self._enqueue_for_channel(SUBMIT_BATCH, channel, str(church_id), channel)

    def enqueue_paced_batch(self, *, channel: str) -> bool:
        """Enqueue the job that submits what the channel's paced senders may send now."""
        return self._enqueue_for_channel(SUBMIT_PACED_BATCH, channel, channel)

    def enqueue_receipts(self) -> bool:
        """Enqueue the job that applies stored receipts."""
        return self.enqueue(APPLY_RECEIPTS, self._housekeeping)

    def enqueue_imports(self) -> bool:
        """Enqueue the job that takes and undoes imports."""
        return self.enqueue(RUN_IMPORTS, self._housekeeping)

    def enqueue_tick(self, kind: JobKind) -> bool:
        """Enqueue a periodic job: one, or one for each enabled channel."""
        if kind.per_channel:
            enqueued = [self.enqueue(kind, channel, channel) for channel in CHANNELS if channel in self._enabled]
            return all(enqueued)
        return self.enqueue(kind, self._housekeeping)

    def _enqueue_for_channel(self, kind: JobKind, channel: str, *arguments: str) -> bool:
        """Do nothing while the channel is switched off: no worker serves its queue. The work stays in PostgreSQL."""
        return channel in self._enabled and self.enqueue(kind, channel, *arguments)
