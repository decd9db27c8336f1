"""The job that fetches statuses for which no callback came."""

from __future__ import annotations

import logs
from channels.base import CarrierReceipt
from channels.registry import CHANNELS
from jobs.worker.runtime import current_runtime
from store import message_lifecycle, receipts, reconciliation
from store.database import system_scope
from store.receipts import Receipt
from store.reconciliation import AwaitingReceipt

log = logs.get_logger(__name__)

BATCH = 500
"""Deliveries whose statuses one job fetches."""


def fetch_receipts(channel: str) -> None:
    """Fetch the statuses of deliveries that have had no final receipt for long, and store them as receipts.

    First set the `settledAt` of messages for which no more receipts are expected.
    """
    runtime = current_runtime()
    settings = runtime.settings
    with system_scope(runtime.database) as connection:
        message_lifecycle.set_settled_at(connection, give_up_seconds=settings.receipt_give_up_seconds)
    if not CHANNELS[channel].can_fetch_statuses:
        return
    with system_scope(runtime.database) as connection:
        awaiting = reconciliation.claim_awaiting_receipts(
            connection, channel=channel, limit=BATCH, after_seconds=settings.receipt_after_seconds
        )
    by_carrier_id = {each.carrier_id: each for each in awaiting}
    new = 0
    for statuses in runtime.carrier(channel).fetch_statuses(list(by_carrier_id)):
        with system_scope(runtime.database) as connection:
            new += receipts.insert(connection, [_receipt(each, by_carrier_id[each.carrier_id]) for each in statuses])
    if new:
        runtime.job_queue.enqueue_receipts()
    if awaiting:
        log.info("statuses fetched", deliveries=len(awaiting), new_receipts=new)


def _receipt(status: CarrierReceipt, delivery: AwaitingReceipt) -> Receipt:
    return Receipt(
        delivery_id=delivery.delivery_id,
        attempt=delivery.attempt,
        carrier_id=status.carrier_id,
        status=status.status,
        error_code=status.error_code,
    )
