"""Workers measure what they do: results of submissions, and how long the carrier and jobs take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from jobs.job_queue.inline_job_queue import InlineJobQueue
from jobs.job_queue.job_kinds import SWEEP
from jobs.job_queue.redis_job_queue import RedisJobQueue
from settings import Settings
from store import metrics, senders
from store.database import Database, system_scope
from tests.harness.churches import add_contacts, create_church
from tests.integration.jobs.conftest import RunWorker, compose
from tools.sandbox.control import Sandbox


def totals(database: Database, name: str) -> dict[tuple[str, ...], float]:
    """The values by the label values, in the order of the label names."""
    with system_scope(database) as connection:
        return {
            tuple(value for _, value in sorted(total.labels.items())): total.value
            for total in metrics.totals(connection, name)
        }


def count(database: Database, name: str) -> dict[tuple[str, ...], float]:
    """The number of observations of a histogram, without the bucket's bound."""
    counts: dict[tuple[str, ...], float] = {}
    with system_scope(database) as connection:
        for total in metrics.totals(connection, f"{name}_bucket"):
            labels = tuple(value for label, value in sorted(total.labels.items()) if label != "le")
            counts[labels] = counts.get(labels, 0) + total.value
    return counts


def send(database: Database, job_queue: RedisJobQueue, work: RunWorker, *, church_id: UUID) -> None:
    compose(database, church_id, numbers=["+12025550101", "+12025550102", "+15005550001"])
    job_queue.enqueue_expansion(channel="sms")
    work()


def test_a_worker_that_ends_has_written_what_it_measured(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    send(database, job_queue, work, church_id=create_church(database).church_id)

    results = totals(database, "koinonia_submissions_total")
    assert results["sms", "accepted"] == 2
    assert results["sms", "permanent"] == 1, "+15005550001 is not a valid number for the carrier"
    assert count(database, "koinonia_carrier_seconds") == {("sms",): 3}
    assert count(database, "koinonia_sent_after_seconds") == {("sms",): 2}
    assert count(database, "koinonia_job_seconds")["expand_messages", "succeeded"] >= 1
    changes = totals(database, "koinonia_delivery_changes_total")
    assert changes["sms", "sending", "21211", "failed"] == 1
    assert changes["sms", "sending", "", "sent"] == 2


def test_the_time_to_sent_counts_from_when_the_message_was_due(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    compose(database, church_id, numbers=["+12025550101"], send_at=datetime.now(UTC) - timedelta(minutes=20))
    job_queue.enqueue_expansion(channel="sms")
    work()

    [total] = totals(database, "koinonia_sent_after_seconds_sum").values()
    assert 1200 <= total < 1500


def test_a_job_that_fails_is_measured_as_failed(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    add_contacts(database, church_id, count=1)
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church_id, channel="sms", reason="refused")
    compose(database, church_id)
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()

    assert count(database, "koinonia_job_seconds")["submit_batch", "failed"] == 1


def test_without_queues_jobs_are_measured_too(settings: Settings, database: Database) -> None:
    inline = InlineJobQueue(settings.model_copy(update={"enable_queues": False}))
    inline.enqueue_tick(SWEEP)
    inline.close()

    assert count(database, "koinonia_job_seconds") == {("sweep", "succeeded"): 1}


def test_the_sweep_adds_changes_up(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    send(database, job_queue, work, church_id=create_church(database).church_id)
    before = totals(database, "koinonia_delivery_changes_total")

    job_queue.enqueue_tick(SWEEP)
    work("analytics")

    with system_scope(database) as connection:
        left = connection.execute("SELECT count(*) FROM metric_changes WHERE name LIKE '%delivery%'").fetchone()
    assert left == (0,)
    assert totals(database, "koinonia_delivery_changes_total") == before
