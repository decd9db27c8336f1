"""Wraps what the jobs call, from outside, so that a worker can be made to die at a named point."""

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
from jobs.run_schedules import Progress
from jobs.sending.batch import Batch
from jobs.sending.dispatcher import Dispatcher
from messaging.submissions import Envelope, ResultKind, SubmissionResult
from store import deliveries, schedule_runs
from store.database import Database
from store.schedule_runs import EvaluatedSchedule
from tools.chaos.points import Point
from tools.chaos.traps import Traps, die


def set_traps(traps: Traps) -> None:
    """Wrap what the jobs call, so that a worker which passes a point with an armed trap dies there."""
    _watch_claims(traps)
    _watch_submissions(TwilioCarrier, traps)
    _watch_submissions(MailCarrier, traps)
    _watch_records()
    _watch_expansions(traps)
    _watch_runs(traps)


def _watch_claims(traps: Traps) -> None:
    claim = deliveries.claim

    @wraps(claim)
    def claim_or_die(*arguments: Any, **options: Any) -> Any:
        traps.strike(Point.BEFORE_CLAIM)
        return claim(*arguments, **options)

    deliveries.claim = claim_or_die


def _watch_submissions(carrier: type[TwilioCarrier | MailCarrier], traps: Traps) -> None:
    """The carrier is asked once the claim is committed."""
    submit: Callable[..., None] = carrier.submit

    @wraps(submit)
    def submit_or_die(
        self: Any,
        batch: Sequence[Envelope],
        *,
        may_submit: Callable[[], bool],
        on_result: Callable[[SubmissionResult], None],
    ) -> None:
        if batch:
            traps.strike(Point.AFTER_CLAIM)
            traps.stall()
        if len(batch) > 1 and (trap := traps.take(Point.HALF_RECORDED)):
            on_result = _Answers(len(batch), on_result, trap=trap, traps=traps, recorded=len(batch) // 2)
        elif trap := traps.take(Point.AFTER_ACCEPTANCE):
            on_result = _Answers(len(batch), on_result, trap=trap, traps=traps, recorded=0)
        submit(self, batch, may_submit=may_submit, on_result=on_result)

    carrier.submit = submit_or_die


def _watch_records() -> None:
    """What the carrier answers is recorded in slices as it comes in."""
    record = Dispatcher.record

    @wraps(record)
    def record_and_die(self: Dispatcher, results: Sequence[tuple[Batch, SubmissionResult]]) -> None:
        record(self, results)
        for _, result in results:
            _last_words.discard((result.delivery_id, result.attempt))
        if _last_words.armed and not _last_words:
            die()

    Dispatcher.record = record_and_die


class _LastWords(set[tuple[UUID, int]]):
    """The outcomes after whose recording the process is to die, once armed."""

    armed = False


_last_words = _LastWords()


class _Answers:
    """Holds back what the carrier says until it has answered everything, hands on so many of it, and dies then.

    If it accepted nothing, everything is handed on and the trap is given back.
    """

    def __init__(
        self, awaited: int, take: Callable[[SubmissionResult], None], *, trap: str, traps: Traps, recorded: int
    ) -> None:
        self._awaited, self._take, self._trap, self._traps, self._recorded = awaited, take, trap, traps, recorded
        self._outcomes: list[SubmissionResult] = []
        self._lock = threading.Lock()

    def __call__(self, outcome: SubmissionResult) -> None:
        with self._lock:  # mails are answered for by several threads
            self._outcomes.append(outcome)
            is_last = len(self._outcomes) == self._awaited
        if not is_last:
            return
        # What was accepted comes last: the part that is lost then matters.
        outcomes = sorted(self._outcomes, key=lambda each: each.kind is ResultKind.ACCEPTED)
        if outcomes[-1].kind is not ResultKind.ACCEPTED:
            self._traps.give_back(self._trap)
        elif not self._recorded:
            die()
        else:
            outcomes = outcomes[: self._recorded]
            _last_words.update((each.delivery_id, each.attempt) for each in outcomes)
            _last_words.armed = True
        for each in outcomes:
            self._take(each)


def _watch_expansions(traps: Traps) -> None:
    """What follows an expansion comes when its transaction is committed."""
    begin_sending = expand_messages.begin_sending

    @wraps(begin_sending)
    def begin_or_die(*arguments: Any, **options: Any) -> None:
        traps.strike(Point.BEFORE_RING)
        begin_sending(*arguments, **options)

    expand_messages.begin_sending = begin_or_die


def _watch_runs(traps: Traps) -> None:
    """A run, its message and what comes next are written in one transaction; then the message is rung for."""
    record, run_schedules = schedule_runs.record, enqueue_due.run_schedules

    @wraps(record)
    def record_or_die(connection: Connection[Any], evaluated: Sequence[EvaluatedSchedule]) -> int:
        if evaluated:
            traps.strike(Point.RUN_TAKEN)
        made = record(connection, evaluated)
        if evaluated:
            traps.strike(Point.RUN_WRITTEN)
        return made

    @wraps(run_schedules)
    def run_or_die(database: Database) -> Progress:
        progress = run_schedules(database)
        if progress.messages:
            traps.strike(Point.RUN_COMMITTED)
        return progress

    schedule_runs.record = record_or_die
    enqueue_due.run_schedules = run_or_die
