"""The job that applies stored receipts to their deliveries."""

from __future__ import annotations

import time

import logs
from channels.registry import CHANNELS
from jobs.worker.runtime import Runtime, current_runtime
from metrics.definitions import DELIVERED_AFTER
from store import message_lifecycle, opt_outs, receipts
from store.database import system_scope
from store.receipts import AppliedReceipts

log = logs.get_logger(__name__)

BATCH = 2000
"""Receipts applied in one transaction."""
BUDGET_SECONDS = 1.0
"""After this the job ends and is enqueued again: other jobs share the queue."""


def apply_receipts() -> None:
    """Apply the stored receipts, oldest first, for about a second at most; enqueue the job again if there are more."""
    runtime = current_runtime()
    retryable_codes = {
        code: backoff for channel in CHANNELS.values() for code, backoff in channel.retryable_codes.items()
    }
    opted_out_codes = [code for channel in CHANNELS.values() for code in channel.opted_out_codes]
    began = time.monotonic()
    applied = 0
    while True:
        with system_scope(runtime.database) as connection:
            batch = receipts.apply(
                connection,
                limit=BATCH,
                policy=runtime.retry_policy,
                retryable_codes=retryable_codes,
                opted_out_codes=opted_out_codes,
            )
            if batch.opted_out_delivery_ids:
                opt_outs.opt_out_of_senders_of_deliveries(connection, batch.opted_out_delivery_ids)
        applied += batch.applied
        _measure_delivered(runtime, batch)
        if batch.submitted_message_ids:  # otherwise the results of the submissions complete them
            with system_scope(runtime.database) as connection:
                message_lifecycle.complete_submitted(connection, batch.submitted_message_ids)
        if batch.contested:
            _resolve_contested(runtime)
        elif batch.applied < BATCH:
            break
        if time.monotonic() - began > BUDGET_SECONDS:
            runtime.job_queue.enqueue_receipts()
            break
    if applied:
        log.info("receipts applied", receipts=applied)


def _measure_delivered(runtime: Runtime, batch: AppliedReceipts) -> None:
    by_channel: dict[str, list[float]] = {}
    for channel, seconds in zip(batch.delivered_channels, batch.delivered_after_seconds, strict=True):
        by_channel.setdefault(channel, []).append(seconds)
    for channel, times_seconds in by_channel.items():
        runtime.measurements.observe_all(DELIVERED_AFTER, times_seconds, channel)


def _resolve_contested(runtime: Runtime) -> None:
    with system_scope(runtime.database) as connection:
        in_doubt = receipts.resolve_contested(connection)
    log.warning("receipts name other deliveries than those that hold their carrier ids", back_in_doubt=in_doubt)
