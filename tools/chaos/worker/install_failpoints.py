"""Wraps functions that the jobs call, so that a worker can be killed or stalled. The product contains none of this."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from uuid import UUID

from psycopg import Connection

from channels.mail.carrier import MailCarrier
from channels.twilio.carrier import TwilioCarrier
from jobs import enqueue_due, expand_messages
from jobs.run_schedules import RunSchedulesResult
from jobs.sending.batch import Batch
from jobs.sending.dispatcher import Dispatcher
from messaging.submissions import Envelope, ResultKind, SubmissionResult
from store import claims, schedule_runs
from store.claims import Claim
from store.database import Database
from store.schedule_runs import EvaluatedSchedule
from tools.chaos.worker.armed_failpoints import ArmedFailpoints, kill_this_process
from tools.chaos.worker.failpoints import CHURCH_BATCH, PACED_BATCH, BatchFailpoints, Failpoint


def install_failpoints(failpoints: ArmedFailpoints) -> None:
    """Wrap the functions, so that a worker that reaches an armed failpoint is killed or stalled there."""
    _wrap_claim(failpoints)
    _wrap_submit(TwilioCarrier, failpoints)
    _wrap_submit(MailCarrier, failpoints)
    _wrap_record()
    _wrap_expansion(failpoints)
    _wrap_schedule_runs(failpoints)


def _wrap_claim(failpoints: ArmedFailpoints) -> None:
    for_church, for_paced_churches = claims.claim_for_church, claims.claim_for_paced_churches

    @wraps(for_church)
    def claim_for_church(*arguments: Any) -> Claim:
        _current.batch = CHURCH_BATCH
        failpoints.kill_here(CHURCH_BATCH.before_claim)
        return for_church(*arguments)

    @wraps(for_paced_churches)
    def claim_for_paced_churches(*arguments: Any) -> Claim:
        _current.batch = PACED_BATCH
        failpoints.kill_here(PACED_BATCH.before_claim)
        return for_paced_churches(*arguments)

    claims.claim_for_church = claim_for_church
    claims.claim_for_paced_churches = claim_for_paced_churches


class _Current(threading.local):
    batch: BatchFailpoints = CHURCH_BATCH


_current = _Current()
"""The kind of batch that this thread has claimed last: a job claims and submits in one thread."""


def _wrap_submit(carrier: type[TwilioCarrier | MailCarrier], failpoints: ArmedFailpoints) -> None:
    """The product submits after the claim is committed."""
    submit: Callable[..., None] = carrier.submit

    @wraps(submit)
    def submit_with_failpoints(
        self: Any,
        batch: Sequence[Envelope],
        *,
        may_submit: Callable[[], bool],
        on_result: Callable[[SubmissionResult], None],
    ) -> None:
        points = _current.batch
        if batch:
            failpoints.kill_here(points.after_claim)
            failpoints.stall_here(points.stall_after_claim)
        if len(batch) > 1 and (taken := failpoints.take(points.half_recorded)):
            on_result = _HeldResults(
                len(batch), on_result, taken=taken, failpoints=failpoints, record_first=len(batch) // 2
            )
        elif taken := failpoints.take(points.after_acceptance):
            on_result = _HeldResults(len(batch), on_result, taken=taken, failpoints=failpoints, record_first=0)
        submit(self, batch, may_submit=may_submit, on_result=on_result)

    carrier.submit = submit_with_failpoints


def _wrap_record() -> None:
    """The product records results in slices, as they arrive."""
    record = Dispatcher.record

    @wraps(record)
    def record_then_kill(self: Dispatcher, results: Sequence[tuple[Batch, SubmissionResult]]) -> None:
        record(self, results)
        for _, result in results:
            _results_before_kill.discard((result.delivery_id, result.attempt))
        if _results_before_kill.armed and not _results_before_kill:
            kill_this_process()

    Dispatcher.record = record_then_kill


class _ResultsBeforeKill(set[tuple[UUID, int]]):
    """The results still to be recorded before the process is killed, once `armed` is set."""

    armed = False


_results_before_kill = _ResultsBeforeKill()


class _HeldResults:
    """Holds the results of a batch until all have arrived, passes on the first `record_first`, and kills the process.

    If the carrier accepted nothing, all results are passed on and the failpoint is armed again.
    """

    def __init__(
        self,
        expected: int,
        on_result: Callable[[SubmissionResult], None],
        *,
        taken: str,
        failpoints: ArmedFailpoints,
        record_first: int,
    ) -> None:
        self._expected, self._on_result, self._record_first = expected, on_result, record_first
        self._taken, self._failpoints = taken, failpoints
        self._results: list[SubmissionResult] = []
        self._lock = threading.Lock()

    def __call__(self, result: SubmissionResult) -> None:
        with self._lock:  # several threads return the results of mails
            self._results.append(result)
            is_last = len(self._results) == self._expected
        if not is_last:
            return
        # Accepted ones last: a lost result matters only if the carrier has the message.
        results = sorted(self._results, key=lambda each: each.kind is ResultKind.ACCEPTED)
        if results[-1].kind is not ResultKind.ACCEPTED:
            self._failpoints.give_back(self._taken)
        elif not self._record_first:
            kill_this_process()
        else:
            results = results[: self._record_first]
            _results_before_kill.update((each.delivery_id, each.attempt) for each in results)
            _results_before_kill.armed = True
        for each in results:
            self._on_result(each)


def _wrap_expansion(failpoints: ArmedFailpoints) -> None:
    """The product begins to send after the transaction of the expansion is committed."""
    begin_sending = expand_messages.begin_sending

    @wraps(begin_sending)
    def begin_with_failpoint(*arguments: Any, **options: Any) -> None:
        failpoints.kill_here(Failpoint.AFTER_EXPANSION)
        begin_sending(*arguments, **options)

    expand_messages.begin_sending = begin_with_failpoint


def _wrap_schedule_runs(failpoints: ArmedFailpoints) -> None:
    """One transaction writes a run, its message and the schedule's next time; then the expansion job is enqueued."""
    record, run_schedules = schedule_runs.record, enqueue_due.run_schedules

    @wraps(record)
    def record_with_failpoints(
        connection: Connection[Any], evaluated: Sequence[EvaluatedSchedule], **options: Any
    ) -> int:
        if evaluated:
            failpoints.kill_here(Failpoint.RUN_DUE)
        created = record(connection, evaluated, **options)
        if evaluated:
            failpoints.kill_here(Failpoint.RUN_WRITTEN)
        return created

    @wraps(run_schedules)
    def run_with_failpoint(database: Database, **options: Any) -> RunSchedulesResult:
        result = run_schedules(database, **options)
        if result.messages:
            failpoints.kill_here(Failpoint.RUN_COMMITTED)
        return result

    schedule_runs.record = record_with_failpoints
    enqueue_due.run_schedules = run_with_failpoint
