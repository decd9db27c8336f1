"""One turn of sending for one church on one channel."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from psycopg import OperationalError
from rq import get_current_job

import logs
from channels.background_loop import SLICE, next_slice
from channels.clock import elapsed_seconds
from jobs import runtime
from jobs.runtime import Runtime
from messaging.outcomes import Envelope, Outcome, Verdict
from messaging.retry import RetryPolicy, next_step
from store import churches, deliveries, messages
from store.database import system_scope
from store.deliveries import Claim, Recorded

log = logs.get_logger(__name__)


RECORD_AGAIN_SECONDS = 0.5


class SenderRefused(Exception):
    """The carrier refuses the church's sender. It is paused; once mended, run this job again or resume the sender."""


def send_batch(church_id: str, channel: str) -> None:
    """Claim the church's next due deliveries, submit them all at once, and record what became of each.

    The claim is committed before the carrier hears of anything, and no transaction is open while it works. Killed at
    any point, what was claimed and not recorded stays claimed until its lease ends, and is then looked for at the
    carrier. What the lease or the worker's end leaves no time for is handed back.
    Raises SenderRefused, so that the job is seen among the failed ones.
    """
    run = runtime.current()
    church = UUID(church_id)
    deadline = elapsed_seconds() + run.settings.lease_seconds - run.settings.carrier_timeout_seconds
    claim = _claim(run, church, channel)
    if claim.taken == run.settings.turn_size:
        # More may be due. The next turn goes to the back of the queue, and another worker may take it beside this one.
        run.doorbell.ring_turn(channel=channel, church_id=church)
    if not claim.taken:
        return
    envelopes = {envelope.delivery_id: envelope for envelope in claim.envelopes}
    verdicts: Counter[Verdict] = Counter()
    refusal: str | None = None
    with logs.bound(church_id=church_id, channel=channel, request_ids=sorted(claim.request_ids)):
        given_up = threading.Event()
        try:
            arrived: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
            run.carrier(channel).send(
                claim.envelopes,
                may_submit=lambda: elapsed_seconds() < deadline and not (run.stopping.is_set() or given_up.is_set()),
                take=arrived.put,
            )
            missing = len(claim.envelopes)
            while missing:
                outcomes = next_slice(arrived, at_most=min(SLICE, missing))
                missing -= len(outcomes)
                verdicts.update(outcome.verdict for outcome in outcomes)
                refusal = _record_surely(run, church, channel, envelopes, outcomes, deadline) or refusal
        finally:
            given_up.set()  # what waits for a connection to the carrier is not submitted when nobody listens any more
        log.info("turn sent", claimed=claim.taken, **{verdict.value: count for verdict, count in verdicts.items()})
    if claim.taken < run.settings.turn_size:
        with system_scope(run.database) as connection:
            messages.complete(connection, church_id=church)
    if verdicts[Verdict.ACCEPTED] and not verdicts[Verdict.THROTTLED]:
        with system_scope(run.database) as connection:
            churches.quicken_sender(connection, church_id=church, channel=channel)
    if refusal is not None:
        raise _refused(refusal)


def _claim(run: Runtime, church: UUID, channel: str) -> Claim:
    with system_scope(run.database) as connection:
        claim = deliveries.claim(
            connection,
            church_id=church,
            channel=channel,
            limit=run.settings.turn_size,
            lease_seconds=run.settings.lease_seconds,
        )
        job_id = _job_id()
        # The job that met the sender's refusal is run again only by an operator, who has mended it.
        mended = (
            not claim.taken
            and job_id is not None
            and churches.resume_sender(connection, church_id=church, channel=channel, paused_by=job_id)
        )
    return _claim(run, church, channel) if mended else claim


def _record_surely(
    run: Runtime,
    church: UUID,
    channel: str,
    envelopes: Mapping[UUID, Envelope],
    outcomes: Sequence[Outcome],
    deadline: float,
) -> str | None:
    """Record, through a restart of PostgreSQL too: what the carrier said is known to nobody else.

    Raises psycopg.OperationalError when the lease is about to end; the deliveries are then looked for at the carrier.
    """
    while True:
        try:
            return _record(run, church, channel, envelopes, outcomes)
        except OperationalError as error:
            if elapsed_seconds() > deadline or run.stopping.is_set():
                raise
            log.warning("outcomes cannot be recorded yet", error=type(error).__name__)
            run.stopping.wait(RECORD_AGAIN_SECONDS)


def _record(
    run: Runtime, church: UUID, channel: str, envelopes: Mapping[UUID, Envelope], outcomes: Sequence[Outcome]
) -> str | None:
    """Write the outcomes; the sender's refusal, if one of them is that."""
    results = [_recorded(outcome, envelopes[outcome.delivery_id], run.retry_policy) for outcome in outcomes]
    opted_out = [outcome.delivery_id for outcome in outcomes if outcome.opted_out]
    throttled = [outcome for outcome in outcomes if outcome.verdict is Verdict.THROTTLED]
    refusal = next((outcome.reason for outcome in outcomes if outcome.verdict is Verdict.SENDER), None)
    with system_scope(run.database) as connection:
        if refusal is not None:
            churches.pause_sender(connection, church_id=church, channel=channel, reason=refusal, job_id=_job_id())
        if throttled:
            asked = min(max(outcome.retry_after_seconds or 0.0 for outcome in throttled), run.retry_policy.cap_seconds)
            churches.slow_sender(connection, church_id=church, channel=channel, at_least_seconds=asked)
        deliveries.record(connection, results)
        if opted_out:
            deliveries.opt_out_recipients(connection, opted_out)
    return refusal


def _recorded(outcome: Outcome, envelope: Envelope, policy: RetryPolicy) -> Recorded:
    step = next_step(outcome, tries=envelope.tries, age_seconds=envelope.age_seconds, policy=policy)
    return Recorded(
        delivery_id=outcome.delivery_id,
        attempt=outcome.attempt,
        status=step.status,
        carrier_id=outcome.carrier_id,
        error_code=outcome.error_code,
        reason=outcome.reason,
        delay_seconds=step.delay_seconds,
        counts_as_try=step.counts_as_try,
    )


def _refused(reason: str) -> SenderRefused:
    """The error, with RQ told not to try again by itself: a person has to mend the sender first."""
    job = get_current_job()
    if job is not None:
        job.retries_left = 0
    return SenderRefused(reason)


def _job_id() -> str | None:
    job = get_current_job()
    return None if job is None else job.id
