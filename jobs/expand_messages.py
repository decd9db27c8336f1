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
from store.message_expansion import DueExpansion

log = logs.get_logger(__name__)

BUDGET_SECONDS = 0.5
"""After this the job ends and is enqueued again: other jobs share the queue."""


class ExpansionFailed(Exception):
    """The deliveries of a message cannot be written. Those of other messages were. Requeue the job after a fix."""


def expand_messages(channel: str) -> None:
    """Write the deliveries of every message that is due, each once, and submit its church's first batch.

    Any number of workers may run this job: each message is expanded by one of them. A message that cannot be expanded
    does not delay others. The job then raises ExpansionFailed at its end, and is shown among the failed jobs.
    """
    runtime = current_runtime()
    began = time.monotonic()
    failed: dict[UUID, Exception] = {}
    while time.monotonic() - began < BUDGET_SECONDS:
        due = _expand_next(runtime, channel, failed)
        if due is None:
            break
        if due.message_id not in failed:
            begin_sending(runtime, [due.church_id], channel)
    else:
        runtime.job_queue.enqueue_expansion(channel=channel)
    if failed:
        message_id, error = next(iter(failed.items()))
        raise ExpansionFailed(f"message {message_id}") from error


def begin_sending(runtime: Runtime, church_ids: Sequence[UUID], channel: str) -> None:
    """Submit the first batches here: a small church's message does not wait for another job.

    Churches with a pace have no batches of their own: one job submits what all of them may send.
    """
    dispatcher = runtime.dispatcher(channel)
    with system_scope(runtime.database) as connection:
        paced = paced_senders.schedule_claims_for(connection, church_ids, channel=channel)
    if paced:
        runtime.job_queue.enqueue_paced_batch(channel=channel)
    for church_id in church_ids:
        if church_id in paced:
            continue
        claim = dispatcher.submit_next_batch(church_id)
        if claim is not None and not claim.envelopes:  # the job finds out why there is nothing to submit
            runtime.job_queue.enqueue_batch(channel=channel, church_id=church_id)


def _expand_next(runtime: Runtime, channel: str, failed: dict[UUID, Exception]) -> DueExpansion | None:
    """Expand one message and return it; None when none is due. A failure is added to `failed`, not raised."""
    due = None
    try:
        with system_scope(runtime.database) as connection:
            due = message_expansion.next_expansion(connection, channel=channel, excluded_ids=list(failed))
            if due is None:
                return None
            with logs.bound(request_id=due.request_id, church_id=str(due.church_id), message_id=str(due.message_id)):
                expansion = message_expansion.expand(
                    connection,
                    church_id=due.church_id,
                    message_id=due.message_id,
                    address_kind=CHANNELS[channel].address_kind,
                    keeps_quiet_hours=CHANNELS[channel].keeps_quiet_hours,
                    segment_weight=CHANNELS[channel].daily_limit_weight,
                    default_limit=runtime.settings.daily_segment_limit,
                    default_regions=runtime.settings.default_regions,
                )
                log.info("audience written", deliveries=expansion.written)
                if expansion.beyond_limit:
                    log.warning("the daily limit of the church is reached", failed=expansion.beyond_limit)
    except OperationalError:
        raise
    except Exception as error:
        if due is None:
            raise
        log.exception("audience cannot be written", message_id=str(due.message_id))
        failed[due.message_id] = error
    return due
