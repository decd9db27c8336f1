"""Submits claimed deliveries to one carrier concurrently, and records the results from a thread.

So a job ends as soon as its batch is in flight, connections stay busy between jobs, and a church with twenty members
does not wait for the results of a church with fifty thousand.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from uuid import UUID

import logs
from channels.base import Carrier
from channels.elapsed_time import elapsed_seconds
from channels.registry import CHANNELS
from jobs.job_queue.job_queue import JobQueue
from jobs.sending.batch import Batch
from jobs.sending.deferred_claims import DeferredClaims
from jobs.sending.record_results import EnvelopeResult, record_results
from jobs.sending.recorder import Recorder
from jobs.sending.slots import Slots
from messaging.retry import RetryPolicy
from messaging.submissions import ResultKind, SubmissionResult
from settings import Settings
from store import deliveries, message_lifecycle
from store.database import Database, system_scope
from store.deliveries import Claim

log = logs.get_logger(__name__)

BatchResult = tuple[Batch, SubmissionResult]

_LOGGED_AS: Mapping[ResultKind, str] = {
    ResultKind.ACCEPTED: "accepted",
    ResultKind.PERMANENT: "permanently_failed",
    ResultKind.TRANSIENT: "temporarily_failed",
    ResultKind.THROTTLED: "throttled",
    ResultKind.SENDER: "sender_refused",
    ResultKind.AMBIGUOUS: "in_doubt",
    ResultKind.UNSUBMITTED: "not_submitted",
}


class Dispatcher:
    """One for each carrier of a process. Thread-safe."""

    def __init__(
        self,
        channel: str,
        carrier: Carrier,
        *,
        settings: Settings,
        database: Database,
        job_queue: JobQueue,
        retry_policy: RetryPolicy,
        stopping: threading.Event,
    ) -> None:
        self.carrier = carrier
        self._channel = channel
        self._settings = settings
        self._database = database
        self._job_queue = job_queue
        self._retry_policy = retry_policy
        self._stopping = stopping
        self._lock = threading.Lock()  # of the slots and the deferred claims
        self._slots = Slots(carrier.capacity)
        self._deferred = DeferredClaims()
        self._recorder: Recorder[BatchResult] = Recorder(
            channel,
            write=self.record,
            on_slice=self._release_slots,
            seconds_to_wake=self._seconds_to_next_claim,
            stopping=stopping,
        )

    def submit_next_batch(self, church_id: UUID) -> Claim | None:
        """Claim the church's next due deliveries, start submitting them, and return at once.

        Returns None when no slots are free for the church. The church's job is enqueued again when slots are free, or
        when more is due than was claimed. The claim is committed before the first submission, and no transaction is
        open during any.
        """
        with self._lock:
            limit = min(self._settings.batch_size, self._slots.claimable(church_id))
            if not limit:
                self._deferred.add(church_id)
                return None
            is_first = not self._slots.has_in_flight(church_id)
        deadline = elapsed_seconds() + self._settings.lease_seconds - self._settings.carrier_timeout_seconds
        claim = self._claim(church_id, limit=limit)
        if claim.envelopes:
            envelopes = {envelope.delivery_id: envelope for envelope in claim.envelopes}
            self._submit(
                Batch(church_id=church_id, envelopes=envelopes, request_ids=claim.request_ids, deadline=deadline)
            )
        if is_first and claim.again_in_seconds == 0:  # another worker may take the next batch
            self._job_queue.enqueue_batch(channel=self._channel, church_id=church_id)
        if claim.again_in_seconds is not None:
            self._defer(church_id, after_seconds=claim.again_in_seconds)
        return claim

    def record(self, results: Sequence[BatchResult]) -> None:
        """Write the results in one transaction; then complete messages, and enqueue the jobs of refused senders.

        Raises psycopg.OperationalError.
        """
        submitted = [
            EnvelopeResult(church_id=batch.church_id, envelope=batch.envelopes[result.delivery_id], result=result)
            for batch, result in results
        ]
        refused = record_results(self._database, submitted, channel=self._channel, policy=self._retry_policy)
        finished = {batch for batch, _ in results if batch.is_finished}
        for batch in finished:
            _log_finished(batch, self._channel)
        with self._lock:
            idle = {batch.church_id for batch in finished if not self._slots.has_in_flight(batch.church_id)}
        if idle:
            with system_scope(self._database) as connection:
                message_lifecycle.complete(connection, church_ids=sorted(idle))
        for church_id in refused:  # the church's next job fails, so that operators see the refusal
            self._job_queue.enqueue_batch(channel=self._channel, church_id=church_id)

    def wait_until_idle(self) -> None:
        """Wait until all submissions have results that are recorded, and the jobs of deferred churches are enqueued."""
        self._recorder.wait_until_idle()

    def close(self) -> None:
        """Wait for the results of what is in flight, record them, and close the carrier."""
        self._recorder.close()
        self.carrier.close()

    def _claim(self, church_id: UUID, *, limit: int) -> Claim:
        with system_scope(self._database) as connection:
            return deliveries.claim(
                connection,
                church_id=church_id,
                channel=self._channel,
                limit=limit,
                lease_seconds=self._settings.lease_seconds,
                keeps_quiet_hours=CHANNELS[self._channel].keeps_quiet_hours,
                age_limit_seconds=self._retry_policy.age_limit_seconds,
            )

    def _submit(self, batch: Batch) -> None:
        """Start submitting. What is not submitted before the deadline or a stop gets the result UNSUBMITTED."""
        with self._lock:
            self._slots.occupy(batch.church_id, len(batch.envelopes))
        self._recorder.expect(len(batch.envelopes))
        self.carrier.submit(
            list(batch.envelopes.values()),
            may_submit=lambda: elapsed_seconds() < batch.deadline and not self._stopping.is_set(),
            on_result=lambda result: self._recorder.add((batch, result)),
        )

    def _defer(self, church_id: UUID, *, after_seconds: float) -> None:
        """Enqueue the church's job when slots are free for it, but not before `after_seconds`."""
        with self._lock:
            self._deferred.add(church_id, after_seconds=after_seconds)
        if after_seconds:
            self._recorder.wake()
        else:
            self._enqueue_ready()

    def _release_slots(self, results: Sequence[BatchResult]) -> None:
        with self._lock:
            for batch, result in results:
                batch.counts_by_kind[result.kind] += 1
                self._slots.release(batch.church_id)
        self._enqueue_ready()

    def _enqueue_ready(self) -> None:
        with self._lock:
            ready = self._deferred.take_ready(lambda church_id: self._slots.claimable(church_id) > 0)
        for church_id in ready:
            self._job_queue.enqueue_batch(channel=self._channel, church_id=church_id)

    def _seconds_to_next_claim(self) -> float | None:
        with self._lock:
            return self._deferred.seconds_to_next()


def _log_finished(batch: Batch, channel: str) -> None:
    if batch.counts_by_kind.keys() <= {ResultKind.SENDER, ResultKind.UNSUBMITTED}:
        return  # nothing was sent; for a refused sender, the job that `record` enqueues logs the reason
    counts = {_LOGGED_AS[kind]: count for kind, count in batch.counts_by_kind.items()}
    with logs.bound(church_id=str(batch.church_id), channel=channel, request_ids=sorted(batch.request_ids)):
        log.info("batch finished", claimed=len(batch.envelopes), **counts)
