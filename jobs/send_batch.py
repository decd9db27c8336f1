"""One turn of sending for one church on one channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from rq import get_current_job

import logs
from jobs import runtime
from jobs.runtime import Runtime
from messaging.outcomes import Outcome, Verdict
from messaging.retry import backoff_seconds
from messaging.states import Status
from store import churches, deliveries, messages
from store.database import system_scope
from store.deliveries import Claim, Recorded

log = logs.get_logger(__name__)


class SenderRefused(Exception):
    """The carrier refuses the church's sender. It is paused; once mended, run this job again or resume the sender."""


def send_batch(church_id: str, channel: str) -> None:
    """Claim the church's next due deliveries, submit them all at once, and record what became of each.

    The claim is committed before the carrier hears of anything, and no transaction is open while it works. Killed at
    any point, what was claimed and not recorded stays claimed until its lease ends, and is not sent again.
    Raises SenderRefused, so that the job is seen among the failed ones.
    """
    run = runtime.current()
    church = UUID(church_id)
    claim = _claim(run, church, channel)
    if claim.taken == run.settings.turn_size:
        # More may be due. The next turn goes to the back of the queue, and another worker may take it beside this one.
        run.doorbell.ring_turn(channel=channel, church_id=church)
    if not claim.taken:
        return
    verdicts: Counter[Verdict] = Counter()
    refusal: str | None = None
    with logs.bound(church_id=church_id, channel=channel, request_ids=sorted(claim.request_ids)):
        for outcomes in run.carrier(channel).send(claim.envelopes):
            verdicts.update(outcome.verdict for outcome in outcomes)
            refusal = _record(run, church, channel, outcomes) or refusal
        log.info("turn sent", claimed=claim.taken, **{verdict.value: count for verdict, count in verdicts.items()})
    if claim.taken < run.settings.turn_size:
        with system_scope(run.database) as connection:
            messages.complete(connection, church_id=church)
    if refusal is not None:
        raise SenderRefused(refusal)


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


def _record(run: Runtime, church: UUID, channel: str, outcomes: Sequence[Outcome]) -> str | None:
    """Write the outcomes; the sender's refusal, if one of them is that."""
    results = [result for outcome in outcomes if (result := _result(outcome, run.settings.retry_limit))]
    opted_out = [outcome.delivery_id for outcome in outcomes if outcome.opted_out]
    refusal = next((outcome.reason for outcome in outcomes if outcome.verdict is Verdict.SENDER), None)
    with system_scope(run.database) as connection:
        if refusal is not None:
            churches.pause_sender(connection, church_id=church, channel=channel, reason=refusal, job_id=_job_id())
        deliveries.record(connection, results)
        if opted_out:
            deliveries.opt_out_recipients(connection, opted_out)
    return refusal


def _result(outcome: Outcome, retry_limit: int) -> Recorded | None:
    """How the delivery is to stand now; None to leave it claimed, for nobody knows whether the carrier has it."""
    status, delay_seconds = Status.FAILED, None
    match outcome.verdict:
        case Verdict.AMBIGUOUS:
            return None
        case Verdict.ACCEPTED:
            status = Status.SENT
        case Verdict.SENDER:
            status = Status.QUEUED
        case Verdict.TRANSIENT if outcome.attempt <= retry_limit:
            status = Status.QUEUED
            delay_seconds = backoff_seconds(outcome.attempt, retry_after_seconds=outcome.retry_after_seconds)
        case Verdict.TRANSIENT | Verdict.PERMANENT:
            pass
    return Recorded(
        delivery_id=outcome.delivery_id,
        attempt=outcome.attempt,
        status=status,
        carrier_id=outcome.carrier_id,
        error_code=outcome.error_code,
        reason=outcome.reason,
        delay_seconds=delay_seconds,
    )


def _job_id() -> str | None:
    job = get_current_job()
    return None if job is None else job.id
