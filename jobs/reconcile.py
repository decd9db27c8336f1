"""The job that looks up deliveries in doubt at the carrier."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import logs
from jobs.job_queue.job_kinds import RECONCILE
from jobs.worker.runtime import Runtime, current_runtime
from messaging.reconciliation import CarrierIdOwner, Found, Missing, conclude
from messaging.submissions import LookupResult
from store import reconciliation
from store.database import system_scope

log = logs.get_logger(__name__)

BATCH = 200
"""Deliveries that one job looks up."""


def reconcile(channel: str) -> None:
    """Look up each delivery in doubt in the carrier's list, and record whether it was sent.

    A delivery that is found becomes `sent`. One that several look-ups over a stated time did not find is queued again,
    or fails if it is too old. One that cannot be looked up stays in doubt. When the job is killed, the deliveries are
    looked up again after `hold_seconds`.
    """
    runtime = current_runtime()
    hold_seconds = 4 * runtime.settings.carrier_timeout_seconds
    with system_scope(runtime.database) as connection:
        in_doubt = reconciliation.claim_in_doubt(connection, channel=channel, limit=BATCH, hold_seconds=hold_seconds)
    if in_doubt:
        for lookups in runtime.carrier(channel).look_up(in_doubt):
            _reconcile(runtime, lookups)
    if len(in_doubt) == BATCH:
        runtime.job_queue.enqueue_tick(RECONCILE)


def _reconcile(runtime: Runtime, lookups: Sequence[LookupResult]) -> None:
    policy = runtime.reconciliation_policy
    found: list[tuple[UUID, int, str]] = []
    missing: list[tuple[UUID, int]] = []
    delivery_ids = [lookup.delivery_id for lookup in lookups]
    seen = [record.carrier_id for lookup in lookups for record in lookup.records or ()]
    with system_scope(runtime.database) as connection:
        owners = reconciliation.find_carrier_id_owners(connection, delivery_ids, seen=seen)
        identical_in_flight = reconciliation.find_identical_in_flight(connection, delivery_ids)
        for lookup in lookups:
            match conclude(lookup, owners=owners, identical_in_flight=identical_in_flight):
                case Found(carrier_id=carrier_id):
                    found.append((lookup.delivery_id, lookup.attempt, carrier_id))
                    owners.setdefault(carrier_id, []).append(
                        CarrierIdOwner(
                            carrier_id=carrier_id,
                            delivery_id=lookup.delivery_id,
                            attempt=lookup.attempt,
                            failed=False,
                        )
                    )
                case Missing():
                    missing.append((lookup.delivery_id, lookup.attempt))
                case _:
                    pass
        reconciliation.record_found(connection, found)
        pause_seconds = policy.period_seconds / policy.reads
        queued = reconciliation.record_missing(connection, missing, policy=policy, pause_seconds=pause_seconds)
    log.info(
        "deliveries in doubt reconciled", found=len(found), missed=len(missing), queued_again=queued, read=len(lookups)
    )
