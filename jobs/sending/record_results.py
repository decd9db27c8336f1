"""Writes the results of submissions to the database in sets."""

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
from store import audit, deliveries, opt_outs, senders
from store.audit import Actor
from store.database import Database, system_scope
from store.deliveries import DeliveryUpdate
from store.opt_outs import SenderRefusal

_SENDING = Actor(kind="service", name="sending")


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvelopeResult:
    """An envelope, and the result of its submission."""

    envelope: Envelope
    result: SubmissionResult


def record_results(
    database: Database, results: Sequence[EnvelopeResult], *, channel: str, policy: RetryPolicy
) -> set[UUID]:
    """Write results of any number of churches in one transaction. Pauses the senders that the carrier refused.

    Returns the churches of those senders. When two deliveries would get the same carrier id, the transaction is
    repeated and resolves that first. Raises psycopg.OperationalError.
    """
    for ids_conflict in (False, True, True):
        with suppress(UniqueViolation), system_scope(database) as connection:
            return _record(connection, results, channel=channel, policy=policy, ids_conflict=ids_conflict)
    with system_scope(database) as connection:
        return _record(connection, results, channel=channel, policy=policy, ids_conflict=True)


def _record(
    connection: Connection[Any],
    results: Sequence[EnvelopeResult],
    *,
    channel: str,
    policy: RetryPolicy,
    ids_conflict: bool,
) -> set[UUID]:
    """Locks senders first, in order of their ids, then messages and deliveries: all transactions lock in this order."""
    refused = _refusals(results)
    throttled = _requested_pauses(results, at_most_seconds=policy.cap_seconds)
    for church_id in sorted(refused.keys() | throttled.keys()):
        if church_id in refused:
            _pause_sender(connection, church_id, channel, refusal=refused[church_id])
        if church_id in throttled:
            senders.throttle(connection, church_id=church_id, channel=channel, at_least_seconds=throttled[church_id])
    accepted = {each.envelope.church_id for each in results if each.result.kind is ResultKind.ACCEPTED}
    senders.reset_throttle(connection, church_ids=sorted(accepted - throttled.keys()), channel=channel)
    deliveries.record(connection, [_delivery_update(each, policy) for each in results], ids_conflict=ids_conflict)
    refusals = [
        SenderRefusal(church_id=envelope.church_id, address=envelope.address, sender=envelope.sender)
        for envelope in (each.envelope for each in results if each.result.opted_out)
    ]
    if refusals:
        opt_outs.opt_out_of_senders(connection, refusals, channel=channel)
    return set(refused)


def _pause_sender(connection: Connection[Any], church_id: UUID, channel: str, *, refusal: SubmissionResult) -> None:
    reason = refusal.reason or "refused"
    if senders.pause(connection, church_id=church_id, channel=channel, reason=reason, code=refusal.error_code):
        audit.record(
            connection,
            actor=_SENDING,
            action="sender.paused",
            subject=channel,
            church_id=church_id,
            details={"reason": reason},
        )


def _refusals(results: Sequence[EnvelopeResult]) -> dict[UUID, SubmissionResult]:
    """The churches whose sender the carrier refuses, each with one of the refusals."""
    return {each.envelope.church_id: each.result for each in results if each.result.kind is ResultKind.SENDER}


def _requested_pauses(results: Sequence[EnvelopeResult], *, at_most_seconds: float) -> dict[UUID, float]:
    """The churches whose sender is throttled, each with the pause in seconds from Retry-After, or 0 without one."""
    pauses: dict[UUID, float] = {}
    for each in results:
        if each.result.kind is ResultKind.THROTTLED:
            requested = min(each.result.retry_after_seconds or 0.0, at_most_seconds)
            pauses[each.envelope.church_id] = max(requested, pauses.get(each.envelope.church_id, 0.0))
    return pauses


def _delivery_update(submitted: EnvelopeResult, policy: RetryPolicy) -> DeliveryUpdate:
    result, envelope = submitted.result, submitted.envelope
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
