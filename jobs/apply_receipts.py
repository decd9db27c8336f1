"""Let stored receipts move their deliveries."""

from __future__ import annotations

import time

import logs
from channels.registry import CHANNELS
from jobs.worker.runtime import Runtime, current_runtime
from store import message_lifecycle, receipts
from store.database import system_scope

log = logs.get_logger(__name__)

BATCH = 2000
"""Receipts applied in one transaction."""
TURN_SECONDS = 1.0
"""After this the rest waits for another turn: other work shares the queue."""


def apply_receipts() -> None:
    """Apply what has come in, oldest first, for up to about a second; ring again if there is more."""
    runtime = current_runtime()
    passing = {code: pause for channel in CHANNELS.values() for code, pause in channel.retryable_codes.items()}
    began = time.monotonic()
    applied = 0
    while True:
        with system_scope(runtime.database) as connection:
            batch = receipts.apply(connection, limit=BATCH, policy=runtime.retry_policy, passing=passing)
        applied += batch.used
        if batch.contested:
            _resolve_contested(runtime)
        elif batch.used < BATCH:
            break
        if time.monotonic() - began > TURN_SECONDS:
            runtime.job_queue.enqueue_receipts()
            break
    if applied:
        with system_scope(runtime.database) as connection:
            message_lifecycle.complete(connection)
        log.info("receipts applied", receipts=applied)


def _resolve_contested(runtime: Runtime) -> None:
    with system_scope(runtime.database) as connection:
        doubtful = receipts.resolve_contested(connection)
    log.warning("receipts name other deliveries than those that hold their texts", back_in_doubt=doubtful)
