"""The job that applies stored receipts."""

from __future__ import annotations

from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from store.database import Database
from tests.integration.jobs.conftest import RunWorker
from tests.integration.store.ledger import Ledger, numbers


def test_receipts_that_come_before_the_results_complete_their_message(
    database: Database, job_queue: RedisJobQueue, work: RunWorker
) -> None:
    """The clock would complete it too, a second later."""
    ledger = Ledger(database)
    church_id = ledger.church()
    done, begun = ledger.send(church_id, numbers(2)), ledger.send(church_id, numbers(2))
    for envelope in ledger.claim(church_id).envelopes[:3]:
        ledger.receive(envelope.delivery_id, Status.DELIVERED)

    job_queue.enqueue_receipts()
    work("analytics")

    assert ledger.counts(done) == {Status.DELIVERED: 2}
    assert ledger.counts(begun) == {Status.DELIVERED: 1, Status.SENDING: 1}
    assert ledger.query("SELECT message_id FROM messages WHERE completed_at IS NOT NULL") == [(done.message_id,)]
