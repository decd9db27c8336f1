"""What carriers answered, written to the ledger in sets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.errors import UniqueViolation

from messaging.retry import RetryPolicy, next_step
from messaging.submissions import Envelope, ResultKind, SubmissionResult
from store import churches, deliveries
from store.database import Database, system_scope
from store.deliveries import DeliveryUpdate


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """An envelope of a church, and what the carrier said to it."""

    church_id: UUID
    envelope: Envelope
    result: SubmissionResult


def record_results(database: Database, answers: Sequence[Answered], *, channel: str, policy: RetryPolicy) -> set[UUID]:
    """Write the outcomes of any number of churches; the churches whose sender the carrier refused, now paused.

    One transaction. When two deliveries would hold one of the carrier's ids, it is begun again and settles that first.
    Raises psycopg.OperationalError.
    """
    for ids_conflict in (False, True, True):
        with suppress(UniqueViolation), system_scope(database) as connection:
            return _record(connection, answers, channel=channel, policy=policy, ids_conflict=ids_conflict)
    with system_scope(database) as connection:
        return _record(connection, answers, channel=channel, policy=policy, ids_conflict=True)


def _record(
    connection: Connection[Any], answers: Sequence[Answered], *, channel: str, policy: RetryPolicy, ids_conflict: bool
) -> set[UUID]:
    """Senders are locked in one order, and before messages and deliveries, as everywhere."""
    refused = _reasons(answers)
    slowed = _pauses_asked(answers, at_most_seconds=policy.cap_seconds)
    for church_id in sorted(refused.keys() | slowed.keys()):
        if church_id in refused:
            churches.pause_sender(connection, church_id=church_id, channel=channel, reason=refused[church_id])
        if church_id in slowed:
            churches.throttle_sender(
                connection, church_id=church_id, channel=channel, at_least_seconds=slowed[church_id]
            )
    accepted = {answer.church_id for answer in answers if answer.result.kind is ResultKind.ACCEPTED}
    churches.reset_throttle(connection, church_ids=sorted(accepted - slowed.keys()), channel=channel)
    deliveries.record(connection, [_recorded(answer, policy) for answer in answers], ids_conflict=ids_conflict)
    opted_out = [answer.result.delivery_id for answer in answers if answer.result.opted_out]
    if opted_out:
        deliveries.opt_out_recipients(connection, opted_out)
    return set(refused)


def _reasons(answers: Sequence[Answered]) -> dict[UUID, str]:
    """Why the carrier refuses a church's sender, by church."""
    return {
        answer.church_id: answer.result.reason or "refused"
        for answer in answers
        if answer.result.kind is ResultKind.SENDER
    }


def _pauses_asked(answers: Sequence[Answered], *, at_most_seconds: float) -> dict[UUID, float]:
    """Seconds for which the carrier wants to hear nothing of a church that was too fast; 0 where it names none."""
    pauses: dict[UUID, float] = {}
    for answer in answers:
        if answer.result.kind is ResultKind.THROTTLED:
            asked = min(answer.result.retry_after_seconds or 0.0, at_most_seconds)
            pauses[answer.church_id] = max(asked, pauses.get(answer.church_id, 0.0))
    return pauses


def _recorded(answer: Answered, policy: RetryPolicy) -> DeliveryUpdate:
    result, envelope = answer.result, answer.envelope
    step = next_step(result, tries=envelope.tries, age_seconds=envelope.age_seconds, policy=policy)
    return DeliveryUpdate(
        delivery_id=result.delivery_id,
        attempt=result.attempt,
        status=step.status,
        carrier_id=result.carrier_id,
        error_code=result.error_code,
        reason=result.reason,
        delay_seconds=step.delay_seconds,
        counts_as_try=step.counts_as_try,
    )
