"""The job that writes the deliveries of messages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID

from psycopg import OperationalError

import logs
from channels.registry import CHANNELS
from jobs.worker.runtime import Runtime, current_runtime
from store import message_expansion, paced_senders
from store.database import system_scope
from store.message_expansion import DueExpansion, Expansion

log = logs.get_logger(__name__)

BUDGET_SECONDS = 0.5
"""After this the job ends, once it has expanded something, and is enqueued again: other jobs share the queue."""
MESSAGES_AT_ONCE = 50
"""The most small messages that one transaction expands."""


class ExpansionFailed(Exception):
    """The deliveries of a message cannot be written. Those of other messages were. Requeue the job after a fix."""


def expand_messages(channel: str) -> None:
    """Write the deliveries of every message that is due, each once, and submit the first batches of their churches.

    Any number of workers may run this job: each message is expanded by one of them, small ones together, a large one
    alone. A message that cannot be expanded does not delay others. The job then raises ExpansionFailed at its end, and
    is shown among the failed jobs.
    """
    runtime = current_runtime()
    began = time.monotonic()
    failed: dict[UUID, Exception] = {}
    limit = MESSAGES_AT_ONCE
    while True:
        due, error = _expand_next(runtime, channel, excluded_ids=list(failed), limit=limit)
        if not due:
            break
        if error is None:
            begin_sending(runtime, list(dict.fromkeys(each.church_id for each in due)), channel)
            limit = min(2 * limit, MESSAGES_AT_ONCE)
            if time.monotonic() - began >= BUDGET_SECONDS:
                runtime.job_queue.enqueue_expansion(channel=channel)
                break
        elif len(due) > 1:
            limit = len(due) // 2  # until the one that fails is alone
        else:
            failed[due[0].message_id] = error
    if failed:
        message_id, error = next(iter(failed.items()))
        raise ExpansionFailed(f"message {message_id}") from error


def begin_sending(runtime: Runtime, church_ids: Sequence[UUID], channel: str) -> None:
    """Submit the first batches here: a small church's message does not wait for another job.

    Churches with a pace have no batches of their own: one job submits what all of them may send.
    """
    dispatcher = runtime.dispatcher(channel)
    with system_scope(runtime.database) as connection:
        paced = paced_senders.set_next_claims_of(connection, church_ids, channel=channel)
    if paced:
        runtime.job_queue.enqueue_paced_batch(channel=channel)
    for church_id in church_ids:
        if church_id in paced:
            continue
        claim = dispatcher.submit_next_batch(church_id)
        if claim is not None and not claim.envelopes:  # the job finds out why there is nothing to submit
            runtime.job_queue.enqueue_batch(channel=channel, church_id=church_id)


def _expand_next(
    runtime: Runtime, channel: str, *, excluded_ids: Sequence[UUID], limit: int
) -> tuple[list[DueExpansion], Exception | None]:
    """Expand up to `limit` messages in one transaction. Returns them, and the error if none of them was expanded."""
    due: list[DueExpansion] = []
    try:
        with system_scope(runtime.database) as connection:
            due = message_expansion.lock_due(connection, channel=channel, limit=limit, excluded_ids=excluded_ids)
            if not due:
                return due, None
            expansions = message_expansion.expand(
                connection,
                message_ids=[each.message_id for each in due],
                address_kind=CHANNELS[channel].address_kind,
                keeps_quiet_hours=CHANNELS[channel].keeps_quiet_hours,
                segment_weight=CHANNELS[channel].daily_limit_weight,
                default_limit=runtime.settings.daily_segment_limit,
                default_regions=runtime.settings.default_regions,
            )
    except OperationalError:
        raise
    except Exception as error:
        if not due:
            raise
        if len(due) == 1:
            log.exception("audience cannot be written", message_id=str(due[0].message_id))
        return due, error
    for each in due:
        _log_expanded(each, expansions[each.message_id])
    return due, None


def _log_expanded(due: DueExpansion, expansion: Expansion) -> None:
    fields = {"request_id": due.request_id, "church_id": str(due.church_id), "message_id": str(due.message_id)}
    log.info("audience written", deliveries=expansion.written, **fields)
    if expansion.beyond_limit:
        log.warning(
            "the daily limit or the monthly quota of the church is reached", failed=expansion.beyond_limit, **fields
        )
    if expansion.nearly_used:
        log.warning("most of the monthly quota of the church is used", **fields)
