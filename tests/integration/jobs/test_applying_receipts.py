"""The job that applies stored receipts."""

from __future__ import annotations

from channels.twilio.errors import OPTED_OUT_CODES
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from store import opt_outs
from store.database import Database, system_scope
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


def test_a_failure_because_of_a_stop_at_the_carrier_opts_out_of_the_sender(
    database: Database, job_queue: RedisJobQueue, work: RunWorker
) -> None:
    """A messaging service accepts the text, and reports 21610 afterwards."""
    ledger = Ledger(database)
    church_id = ledger.church()
    stopped, unreachable, reached = numbers(3)
    ledger.send(church_id, [stopped, unreachable, reached])
    codes = {stopped: "21610", unreachable: "30006", reached: None}
    assert list(OPTED_OUT_CODES) == ["21610"]
    for envelope in ledger.claim(church_id).envelopes:
        code = codes[envelope.address]
        status = Status.DELIVERED if code is None else Status.FAILED
        ledger.receive(envelope.delivery_id, status, error_code=code)

    job_queue.enqueue_receipts()
    work("analytics")

    with system_scope(database) as connection:
        listed = opt_outs.list_opt_outs(connection, church_id=church_id)
    assert [(each.address, each.source, each.sender) for each in listed] == [(stopped, "carrier", "+15005550006")]
    assert ledger.counts(ledger.send(church_id, [stopped])) == {Status.SUPPRESSED: 1}
