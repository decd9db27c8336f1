"""Ask the carrier about deliveries of which it never said what became of them."""

from __future__ import annotations

import logs
from channels.base import CarrierReceipt
from channels.registry import CHANNELS
from jobs.worker.runtime import current_runtime
from store import message_lifecycle, receipts, reconciliation
from store.database import system_scope
from store.receipts import Receipt
from store.reconciliation import Unreported

log = logs.get_logger(__name__)

BATCH = 500
"""Deliveries asked about in one turn."""


def fetch_receipts(channel: str) -> None:
    """Store what the carrier says of deliveries it accepted long enough ago, as if it had called back; ring for it."""
    runtime = current_runtime()
    settings = runtime.settings
    with system_scope(runtime.database) as connection:
        message_lifecycle.settle(connection, give_up_seconds=settings.receipt_give_up_seconds)
    if not CHANNELS[channel].can_fetch_statuses:
        return
    with system_scope(runtime.database) as connection:
        silent = reconciliation.take_unreported(
            connection, channel=channel, limit=BATCH, after_seconds=settings.receipt_after_seconds
        )
    asked = {each.carrier_id: each for each in silent}
    new = 0
    for answers in runtime.carrier(channel).fetch_statuses(list(asked)):
        with system_scope(runtime.database) as connection:
            new += receipts.insert(connection, [_receipt(answer, asked[answer.carrier_id]) for answer in answers])
    if new:
        runtime.job_queue.enqueue_receipts()
    if silent:
        log.info("asked after silent deliveries", asked=len(silent), new_receipts=new)


def _receipt(answer: CarrierReceipt, delivery: Unreported) -> Receipt:
    return Receipt(
        delivery_id=delivery.delivery_id,
        attempt=delivery.attempt,
        carrier_id=answer.carrier_id,
        status=answer.status,
        error_code=answer.error_code,
    )
