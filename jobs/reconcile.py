"""Settle deliveries in doubt by what the carrier's list says."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import logs
from jobs.job_queue.job_kinds import RECONCILE
from jobs.worker.runtime import Runtime, current_runtime
from messaging.reconciliation import Claimant, Found, Missing, judge
from messaging.submissions import LookupResult
from store import reconciliation
from store.database import system_scope

log = logs.get_logger(__name__)

BATCH = 200
"""Deliveries looked for in one turn."""


def reconcile(channel: str) -> None:
    """Look for each delivery in doubt at its carrier: found, it is sent; missed often and long enough, it is queued.

    What cannot be read stays in doubt and is looked for again. Killed at any point, it starts over after a while.
    """
    runtime = current_runtime()
    hold_seconds = 4 * runtime.settings.carrier_timeout_seconds
    with system_scope(runtime.database) as connection:
        suspects = reconciliation.take_suspects(connection, channel=channel, limit=BATCH, hold_seconds=hold_seconds)
    if suspects:
        for sightings in runtime.carrier(channel).look_up(suspects):
            _settle(runtime, sightings)
    if len(suspects) == BATCH:
        runtime.job_queue.enqueue_tick(RECONCILE)


def _settle(runtime: Runtime, sightings: Sequence[LookupResult]) -> None:
    policy = runtime.reconciliation_policy
    found: list[tuple[UUID, int, str]] = []
    missing: list[tuple[UUID, int]] = []
    delivery_ids = [sighting.delivery_id for sighting in sightings]
    seen = [record.carrier_id for sighting in sightings for record in sighting.records or ()]
    with system_scope(runtime.database) as connection:
        claimants = reconciliation.claimants(connection, delivery_ids, seen=seen)
        rivals = reconciliation.rivals(connection, delivery_ids)
        for sighting in sightings:
            match judge(sighting, claimants=claimants, rivals=rivals):
                case Found(carrier_id=carrier_id):
                    found.append((sighting.delivery_id, sighting.attempt, carrier_id))
                    claimants.setdefault(carrier_id, []).append(
                        Claimant(
                            carrier_id=carrier_id,
                            delivery_id=sighting.delivery_id,
                            attempt=sighting.attempt,
                            failed=False,
                        )
                    )
                case Missing():
                    missing.append((sighting.delivery_id, sighting.attempt))
                case _:
                    pass
        reconciliation.settle_found(connection, found)
        pause_seconds = policy.period_seconds / policy.reads
        queued = reconciliation.settle_missing(connection, missing, policy=policy, pause_seconds=pause_seconds)
    log.info("doubts looked into", found=len(found), missed=len(missing), queued_again=queued, read=len(sightings))
