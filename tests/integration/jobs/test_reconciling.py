"""Deliveries in doubt are looked up at the carrier before they are sent again."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import pytest

from jobs.job_queue.job_kinds import FETCH_RECEIPTS, RECONCILE, SWEEP
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store import receipts
from store.database import Database, system_scope
from store.receipts import Receipt
from tests.harness.churches import create_church
from tests.integration.jobs.conftest import RunWorker, compose, counts
from tools.sandbox.control import Faults, Sandbox

NUMBER = "+12025550123"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"reconcile_first_seconds": 0.01, "reconcile_reads": 2})


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


def send_into_doubt(
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    work: RunWorker,
    sandbox: Sandbox,
    faults: Faults,
    content: str = "See you on Sunday",
) -> UUID:
    """Send a text that ends in doubt because of these faults. Returns the message's id."""
    message = compose(database, church_id, numbers=[NUMBER], content=content)
    sandbox.set_faults(faults)
    job_queue.enqueue_expansion(channel="sms")
    work()
    sandbox.clear_faults()
    assert counts(database, church_id, message) == {Status.UNKNOWN: 1}
    return message


def reconcile(job_queue: RedisJobQueue, work: RunWorker, database: Database) -> None:
    """Look up everything that is in doubt, whenever its look-up is due."""
    with system_scope(database) as connection:
        connection.execute("UPDATE deliveries SET due_at = now() WHERE status = 'unknown'")
    job_queue.enqueue_tick(RECONCILE)
    work("sms")


def fetch_receipts(job_queue: RedisJobQueue, work: RunWorker) -> None:
    job_queue.enqueue_tick(FETCH_RECEIPTS)
    work("sms")
    work("analytics")


def age_doubt(database: Database) -> None:
    """Whatever is in doubt has been for an hour: longer than `reconcile_seconds`."""
    with system_scope(database) as connection:
        connection.execute("UPDATE deliveries SET updated_at = now() - interval '1 hour' WHERE status = 'unknown'")


TAKEN = [Faults(accept_then_drop=1.0), Faults(server_error_after_creation=1.0)]
NOT_TAKEN = [Faults(timeout=1.0), Faults(refuse=1.0), Faults(server_error=1.0)]
LOST = Faults(server_error=1.0)
"""The carrier does not have it, and the reply does not say so."""


@pytest.mark.parametrize("faults", TAKEN, ids=["dropped", "500 after"])
def test_a_text_that_the_carrier_has_is_recorded_and_not_sent_again(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox, faults: Faults
) -> None:
    message = send_into_doubt(database, church_id, job_queue, work, sandbox, faults)

    reconcile(job_queue, work, database)

    (row,) = sandbox.ledger()
    assert counts(database, church_id, message) == {Status.SENT: 1}
    with system_scope(database) as connection:
        assert connection.execute("SELECT carrier_id FROM deliveries").fetchone() == (row.sid,)


@pytest.mark.parametrize("faults", NOT_TAKEN, ids=["timeout", "refused", "500"])
def test_a_text_that_the_carrier_does_not_have_is_sent_again_after_several_look_ups(
    settings: Settings,
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    work: RunWorker,
    sandbox: Sandbox,
    faults: Faults,
) -> None:
    impatient = settings.model_copy(update={"carrier_timeout_seconds": 0.2})
    submit = partial(work, with_settings=impatient)
    message = send_into_doubt(database, church_id, job_queue, submit, sandbox, faults)

    age_doubt(database)
    reconcile(job_queue, work, database)
    assert counts(database, church_id, message) == {Status.UNKNOWN: 1}, "one look-up is not enough"
    age_doubt(database)
    reconcile(job_queue, work, database)
    assert counts(database, church_id, message) == {Status.QUEUED: 1}
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()

    assert counts(database, church_id, message) == {Status.SENT: 1}
    assert len(sandbox.ledger()) == 1


def test_many_look_ups_in_a_short_time_do_not_lead_to_another_submission(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    message = send_into_doubt(database, church_id, job_queue, work, sandbox, LOST)

    for _ in range(4):
        reconcile(job_queue, work, database)

    assert counts(database, church_id, message) == {Status.UNKNOWN: 1}


def test_a_delivery_stays_in_doubt_while_the_carriers_list_cannot_be_read(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    message = send_into_doubt(database, church_id, job_queue, work, sandbox, LOST)
    sandbox.set_faults(Faults(unreadable=1.0))

    for _ in range(4):
        age_doubt(database)
        reconcile(job_queue, work, database)

    assert counts(database, church_id, message) == {Status.UNKNOWN: 1}


def test_a_text_of_another_message_with_the_same_words_is_not_matched(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    lost = send_into_doubt(database, church_id, job_queue, work, sandbox, LOST)
    same = compose(database, church_id, numbers=[NUMBER])
    job_queue.enqueue_expansion(channel="sms")
    work()
    assert counts(database, church_id, same) == {Status.SENT: 1}

    reconcile(job_queue, work, database)

    assert counts(database, church_id, lost) == {Status.UNKNOWN: 1}


def test_a_text_of_another_church_with_the_same_sender_does_not_prevent_the_look_up(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    lost = send_into_doubt(database, church_id, job_queue, work, sandbox, LOST)
    other = create_church(database).church_id
    theirs = compose(database, other, numbers=[NUMBER], content="of another church")
    job_queue.enqueue_expansion(channel="sms")
    work()
    reconcile(job_queue, work, database)
    with system_scope(database) as connection:
        missed = "SELECT missed_reads FROM deliveries WHERE message_id = %s"
        assert connection.execute(missed, (lost,)).fetchone() == (0,), "the text may be that of the lost delivery"
        found = connection.execute("SELECT delivery_id, carrier_id FROM deliveries WHERE message_id = %s", (theirs,))
        [(delivery_id, carrier_id)] = found.fetchall()
        receipt = Receipt(
            delivery_id=delivery_id, attempt=1, carrier_id=carrier_id, status=Status.DELIVERED, error_code=None
        )
        receipts.insert(connection, [receipt])

    reconcile(job_queue, work, database)

    with system_scope(database) as connection:
        assert connection.execute(missed, (lost,)).fetchone() == (1,)


def test_one_text_is_matched_with_only_one_of_two_deliveries_in_doubt(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    first = send_into_doubt(database, church_id, job_queue, work, sandbox, Faults(accept_then_drop=1.0))
    second = send_into_doubt(database, church_id, job_queue, work, sandbox, LOST)

    reconcile(job_queue, work, database)

    # Either may be matched: one text was sent, and one delivery is recorded as sent.
    both = counts(database, church_id, first), counts(database, church_id, second)
    assert sorted(both, key=str) == sorted(({Status.SENT: 1}, {Status.UNKNOWN: 1}), key=str)


def test_deliveries_whose_lease_expired_are_in_doubt_and_reconciled(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    message = compose(database, church_id, numbers=[NUMBER])
    job_queue.enqueue_expansion(channel="sms")
    work()
    with system_scope(database) as connection:  # as after a kill between the acceptance and its recording
        connection.execute("UPDATE deliveries SET status = 'sending', carrier_id = NULL, lease_until = now()")

    job_queue.enqueue_tick(SWEEP)
    work("analytics")
    assert counts(database, church_id, message) == {Status.UNKNOWN: 1}
    reconcile(job_queue, work, database)

    assert counts(database, church_id, message) == {Status.SENT: 1}
    assert len(sandbox.ledger()) == 1


def test_missing_receipts_are_fetched(
    settings: Settings, database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    message = compose(database, church_id, numbers=[NUMBER, "+15005530005"])
    sandbox.set_faults(Faults(callback_lost=1.0))
    job_queue.enqueue_expansion(channel="sms")
    work()
    sandbox.wait_until_quiet()
    assert counts(database, church_id, message) == {Status.SENT: 2}

    soon = settings.model_copy(update={"receipt_after_seconds": 0.01})
    fetch_receipts(job_queue, partial(work, with_settings=soon))

    assert counts(database, church_id, message) == {Status.DELIVERED: 1, Status.UNDELIVERED: 1}


def test_a_transient_failure_is_retried_as_a_new_attempt(
    settings: Settings, database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    message = compose(database, church_id, numbers=["+15005530003"])
    job_queue.enqueue_expansion(channel="sms")
    work()
    sandbox.wait_until_quiet()
    soon = settings.model_copy(update={"receipt_after_seconds": 0.01, "retry_limit": 1})

    for _ in range(2):
        fetch_receipts(job_queue, partial(work, with_settings=soon))
        with system_scope(database) as connection:
            connection.execute("UPDATE deliveries SET due_at = now() WHERE status = 'queued'")
        job_queue.enqueue_batch(channel="sms", church_id=church_id)
        work(with_settings=soon)
        sandbox.wait_until_quiet()

    assert len(sandbox.ledger()) == 2
    assert counts(database, church_id, message) == {Status.UNDELIVERED: 1}
