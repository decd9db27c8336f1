"""What nobody knows is found out before anything is sent again."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import pytest

from jobs.job_queue.job_kinds import FETCH_RECEIPTS, RECONCILE, SWEEP, JobKind
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
    return settings.model_copy(update={"reconcile_first_seconds": 0.01, "reconcile_seconds": 0.6, "reconcile_reads": 2})


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
    message = compose(database, church_id, numbers=[NUMBER], content=content)
    sandbox.set_faults(faults)
    job_queue.enqueue_expansion(channel="sms")
    work()
    sandbox.clear_faults()
    assert counts(database, church_id, message) == {Status.UNKNOWN: 1}
    return message


def tick(job_queue: RedisJobQueue, work: RunWorker, database: Database, kind: JobKind = RECONCILE) -> None:
    with system_scope(database) as connection:
        connection.execute("UPDATE deliveries SET due_at = now() WHERE status = 'unknown'")
    job_queue.enqueue_tick(kind)
    work("sms")
    work("analytics")


TAKEN = [Faults(accept_then_drop=1.0), Faults(server_error_after_creation=1.0)]
NOT_TAKEN = [Faults(timeout=1.0), Faults(refuse=1.0), Faults(server_error=1.0)]


@pytest.mark.parametrize("faults", TAKEN, ids=["dropped", "500 after"])
def test_what_the_carrier_has_is_recorded_and_not_sent_again(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox, faults: Faults
) -> None:
    message = send_into_doubt(database, church_id, job_queue, work, sandbox, faults)

    tick(job_queue, work, database)

    (row,) = sandbox.ledger()
    assert counts(database, church_id, message) == {Status.SENT: 1}
    with system_scope(database) as connection:
        assert connection.execute("SELECT carrier_id FROM deliveries").fetchone() == (row.sid,)


@pytest.mark.parametrize("faults", NOT_TAKEN, ids=["timeout", "refused", "500"])
def test_what_it_does_not_have_is_sent_again_after_several_readings(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox, faults: Faults
) -> None:
    message = send_into_doubt(database, church_id, job_queue, work, sandbox, faults)

    tick(job_queue, work, database)
    assert counts(database, church_id, message) == {Status.UNKNOWN: 1}, "one reading proves nothing"
    with system_scope(database) as connection:
        connection.execute("SELECT pg_sleep(0.6)")
    tick(job_queue, work, database)
    assert counts(database, church_id, message) == {Status.QUEUED: 1}
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()

    assert counts(database, church_id, message) == {Status.SENT: 1}
    assert len(sandbox.ledger()) == 1


def test_many_readings_in_a_short_time_prove_nothing(
    settings: Settings, database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    message = send_into_doubt(database, church_id, job_queue, work, sandbox, Faults(timeout=1.0))
    patient = settings.model_copy(update={"reconcile_seconds": 60.0})

    for _ in range(4):
        tick(job_queue, partial(work, with_settings=patient), database)

    assert counts(database, church_id, message) == {Status.UNKNOWN: 1}


def test_what_cannot_be_read_stays_unknown(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    message = send_into_doubt(database, church_id, job_queue, work, sandbox, Faults(timeout=1.0))
    sandbox.set_faults(Faults(unreadable=1.0))

    for _ in range(4):
        with system_scope(database) as connection:
            connection.execute("SELECT pg_sleep(0.3)")
        tick(job_queue, work, database)

    assert counts(database, church_id, message) == {Status.UNKNOWN: 1}


def test_a_text_of_another_message_with_the_same_words_is_not_taken_for_it(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    lost = send_into_doubt(database, church_id, job_queue, work, sandbox, Faults(timeout=1.0))
    same = compose(database, church_id, numbers=[NUMBER])
    job_queue.enqueue_expansion(channel="sms")
    work()
    assert counts(database, church_id, same) == {Status.SENT: 1}

    tick(job_queue, work, database)

    assert counts(database, church_id, lost) == {Status.UNKNOWN: 1}


def test_a_text_of_another_church_with_the_same_sender_does_not_hold_it_up(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    lost = send_into_doubt(database, church_id, job_queue, work, sandbox, Faults(timeout=1.0))
    other = create_church(database).church_id
    theirs = compose(database, other, numbers=[NUMBER], content="of another church")
    job_queue.enqueue_expansion(channel="sms")
    work()
    tick(job_queue, work, database)
    with system_scope(database) as connection:
        missed = "SELECT missed_reads FROM deliveries WHERE message_id = %s"
        assert connection.execute(missed, (lost,)).fetchone() == (0,), "nobody knows yet whose text that is"
        found = connection.execute("SELECT delivery_id, carrier_id FROM deliveries WHERE message_id = %s", (theirs,))
        [(delivery_id, carrier_id)] = found.fetchall()
        told = Receipt(
            delivery_id=delivery_id, attempt=1, carrier_id=carrier_id, status=Status.DELIVERED, error_code=None
        )
        receipts.insert(connection, [told])

    tick(job_queue, work, database)

    with system_scope(database) as connection:
        assert connection.execute(missed, (lost,)).fetchone() == (1,)


def test_two_deliveries_in_doubt_each_get_their_own_record(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    first = send_into_doubt(database, church_id, job_queue, work, sandbox, Faults(accept_then_drop=1.0))
    second = send_into_doubt(database, church_id, job_queue, work, sandbox, Faults(timeout=1.0))

    tick(job_queue, work, database)

    # They cannot be told apart, and need not be: one text was sent, and one delivery stands for it.
    both = counts(database, church_id, first), counts(database, church_id, second)
    assert sorted(both, key=str) == sorted(({Status.SENT: 1}, {Status.UNKNOWN: 1}), key=str)


def test_deliveries_whose_lease_expired_are_in_doubt(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    message = compose(database, church_id, numbers=[NUMBER])
    job_queue.enqueue_expansion(channel="sms")
    work()
    with system_scope(database) as connection:  # as after a kill between the acceptance and its recording
        connection.execute("UPDATE deliveries SET status = 'sending', carrier_id = NULL, lease_until = now()")

    tick(job_queue, work, database, SWEEP)
    assert counts(database, church_id, message) == {Status.UNKNOWN: 1}
    tick(job_queue, work, database)

    assert counts(database, church_id, message) == {Status.SENT: 1}
    assert len(sandbox.ledger()) == 1


def test_receipts_that_never_came_are_fetched(
    settings: Settings, database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    message = compose(database, church_id, numbers=[NUMBER, "+15005530005"])
    sandbox.set_faults(Faults(callback_lost=1.0))
    job_queue.enqueue_expansion(channel="sms")
    work()
    sandbox.wait_until_quiet()
    assert counts(database, church_id, message) == {Status.SENT: 2}

    soon = settings.model_copy(update={"receipt_after_seconds": 0.01})
    tick(job_queue, partial(work, with_settings=soon), database, FETCH_RECEIPTS)

    assert counts(database, church_id, message) == {Status.DELIVERED: 1, Status.UNDELIVERED: 1}


def test_a_failure_that_may_pass_is_tried_again_as_a_new_attempt(
    settings: Settings, database: Database, church_id: UUID, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    message = compose(database, church_id, numbers=["+15005530003"])
    job_queue.enqueue_expansion(channel="sms")
    work()
    sandbox.wait_until_quiet()
    soon = settings.model_copy(update={"receipt_after_seconds": 0.01, "retry_limit": 1})

    for _ in range(2):
        tick(job_queue, partial(work, with_settings=soon), database, FETCH_RECEIPTS)
        with system_scope(database) as connection:
            connection.execute("UPDATE deliveries SET due_at = now() WHERE status = 'queued'")
        job_queue.enqueue_batch(channel="sms", church_id=church_id)
        work(with_settings=soon)
        sandbox.wait_until_quiet()

    assert len(sandbox.ledger()) == 2
    assert counts(database, church_id, message) == {Status.UNDELIVERED: 1}
