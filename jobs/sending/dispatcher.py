"""Submits claimed deliveries to one carrier concurrently, and records the results from a thread.

So a job ends as soon as its batch is in flight, connections stay busy between jobs, and a church with twenty members
does not wait for the results of a church with fifty thousand.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from psycopg import OperationalError

import logs
from channels.base import Carrier
from channels.elapsed_time import elapsed_seconds
from channels.registry import CHANNELS
from jobs.job_queue.job_queue import JobQueue
from jobs.sending.batch import Batch
from jobs.sending.deferred_claims import DeferredClaims
from jobs.sending.measure_results import measure_results
from jobs.sending.record_results import EnvelopeResult, record_results
from jobs.sending.recorder import Recorder
from jobs.sending.slots import Slots
from messaging.retry import RetryPolicy
from messaging.submissions import ResultKind, SubmissionResult
from metrics.measurements import Measurements
from settings import Settings
from store import claims, message_lifecycle, paced_senders
from store.claims import Claim, ClaimTerms
from store.database import Database, system_scope

log = logs.get_logger(__name__)

BatchResult = tuple[Batch, SubmissionResult]

_PACED_INTERVAL_SECONDS = 0.2
"""The least time after which a process enqueues the paced job again. Each claims the tokens that accrued since."""
_PACED_INTERVAL_OF_OTHERS_SECONDS = 1.0
"""The same after a claim that found no sender, because another process claims for all that may send."""

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
        measurements: Measurements,
        stopping: threading.Event,
    ) -> None:
        self.carrier = carrier
        self._channel = channel
        self._settings = settings
        self._database = database
        self._job_queue = job_queue
        self._retry_policy = retry_policy
        self._measurements = measurements
        self._stopping = stopping
        self._lock = threading.Lock()  # of the slots and the deferred claims
        self._slots = Slots(carrier.capacity)
        self._deferred = DeferredClaims()
        self._recorder: Recorder[BatchResult] = Recorder(
            channel,
            write=self.record,
            on_slice=self._take_results,
            seconds_to_wake=self._seconds_to_paced_batch,
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
        terms, began = self._terms(limit), elapsed_seconds()
        with system_scope(self._database) as connection:
            claim = claims.claim_for_church(connection, church_id, terms)
        self._submit(claim, began=began, church_id=church_id)
        if claim.has_pace:  # the claim has set when the sender may send next: the paced job finds that time
            self._job_queue.enqueue_paced_batch(channel=self._channel)
        if claim.is_full:
            if is_first:  # another worker may take the next batch
                self._job_queue.enqueue_batch(channel=self._channel, church_id=church_id)
            with self._lock:
                self._deferred.add(church_id)
            self._enqueue_ready()
        return claim

    def submit_next_paced_batch(self) -> None:
        """Claim what each paced sender may send now, start submitting it, and return at once.

        The job is enqueued again for the time when the next sender has a token. If the claim fails because of one of
        the churches, each gets a job of its own, so that only that church's fails.
        """
        with self._lock:
            limit = min(self._settings.batch_size, self._slots.free())
        if not limit:
            self._defer_paced(_PACED_INTERVAL_SECONDS)
            return
        terms, began = self._terms(limit), elapsed_seconds()
        try:
            with system_scope(self._database) as connection:
                claim = claims.claim_for_paced_churches(connection, terms)
                if claim.finished_churches:
                    message_lifecycle.complete(connection, church_ids=claim.finished_churches)
                next_in_seconds = paced_senders.seconds_to_next_claim(connection, channel=self._channel)
        except OperationalError:
            raise
        except Exception:
            with system_scope(self._database) as connection:
                church_ids = claims.lock_ready_senders(connection, terms)
            self._enqueue_batches(church_ids)
            raise
        self._submit(claim, began=began, church_id=None)
        self._enqueue_batches(claim.leftover_churches)
        if claim.is_full:  # another worker may take the next batch
            self._job_queue.enqueue_paced_batch(channel=self._channel)
        if next_in_seconds is not None:
            at_least = _PACED_INTERVAL_SECONDS if claim.found_senders else _PACED_INTERVAL_OF_OTHERS_SECONDS
            self._defer_paced(max(at_least, next_in_seconds))

    def record(self, results: Sequence[BatchResult]) -> None:
        """Write the results in one transaction; then complete messages, and enqueue the jobs of refused senders.

        Raises psycopg.OperationalError.
        """
        submitted = [
            EnvelopeResult(envelope=batch.envelopes[result.delivery_id], result=result) for batch, result in results
        ]
        refused = record_results(self._database, submitted, channel=self._channel, policy=self._retry_policy)
        finished = {batch for batch, _ in results if batch.is_finished}
        for batch in finished:
            _log_finished(batch, self._channel)
        with self._lock:
            idle = {
                batch.church_id
                for batch in finished
                if batch.church_id is not None and not self._slots.has_in_flight(batch.church_id)
            }
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

    def _terms(self, limit: int) -> ClaimTerms:
        return ClaimTerms(
            channel=self._channel,
            limit=limit,
            lease_seconds=self._settings.lease_seconds,
            keeps_quiet_hours=CHANNELS[self._channel].keeps_quiet_hours,
            age_limit_seconds=self._retry_policy.age_limit_seconds,
        )

    def _submit(self, claim: Claim, *, began: float, church_id: UUID | None) -> None:
        """Start submitting. What is not submitted before the deadline or a stop gets the result UNSUBMITTED.

        `began` is from before the claim: the lease begins later.
        """
        if not claim.envelopes:
            return
        batch = Batch(
            envelopes={envelope.delivery_id: envelope for envelope in claim.envelopes},
            church_id=church_id,
            request_ids=claim.request_ids,
            began=began,
            deadline=began + self._settings.lease_seconds - self._settings.carrier_timeout_seconds,
        )
        with self._lock:
            for each, count in Counter(envelope.church_id for envelope in claim.envelopes).items():
                self._slots.occupy(each, count)
        self._recorder.expect(len(batch.envelopes))
        self.carrier.submit(
            claim.envelopes,
            may_submit=lambda: elapsed_seconds() < batch.deadline and not self._stopping.is_set(),
            on_result=lambda result: self._recorder.add((batch, result)),
        )

    def _defer_paced(self, after_seconds: float) -> None:
        """Enqueue the paced job after this time. Without workers, the clock does so each second."""
        if not self._job_queue.has_workers:
            return
        with self._lock:
            self._deferred.set_paced(after_seconds=after_seconds)
        self._recorder.wake()

    def _take_results(self, results: Sequence[BatchResult]) -> None:
        measure_results(self._measurements, results, channel=self._channel)
        with self._lock:
            for batch, result in results:
                batch.counts_by_kind[result.kind] += 1
                self._slots.release(batch.envelopes[result.delivery_id].church_id)
        self._enqueue_ready()

    def _enqueue_ready(self) -> None:
        with self._lock:
            ready = self._deferred.take_ready(lambda church_id: self._slots.claimable(church_id) > 0)
            paced_are_ready = self._deferred.take_paced()
        self._enqueue_batches(ready)
        if paced_are_ready:
            self._job_queue.enqueue_paced_batch(channel=self._channel)

    def _enqueue_batches(self, church_ids: Iterable[UUID]) -> None:
        for church_id in church_ids:
            self._job_queue.enqueue_batch(channel=self._channel, church_id=church_id)

    def _seconds_to_paced_batch(self) -> float | None:
        with self._lock:
            return self._deferred.seconds_to_paced()


def _log_finished(batch: Batch, channel: str) -> None:
    if batch.counts_by_kind.keys() <= {ResultKind.SENDER, ResultKind.UNSUBMITTED}:
        return  # nothing was sent; for a refused sender, the job that `record` enqueues logs the reason
    counts = {_LOGGED_AS[kind]: count for kind, count in batch.counts_by_kind.items()}
    if batch.church_id is None:
        churches = len({envelope.church_id for envelope in batch.envelopes.values()})
        log.info("paced batch finished", channel=channel, churches=churches, claimed=len(batch.envelopes), **counts)
        return
    with logs.bound(church_id=str(batch.church_id), channel=channel, request_ids=sorted(batch.request_ids)):
        log.info("batch finished", claimed=len(batch.envelopes), **counts)
