"""Workers keep the daily limit and the regions of the settings and of the church."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.run_schedules import run_schedules
from messaging.states import Status
from settings import Settings
from store.database import Database
from tests.harness.churches import add_contacts, create_church
from tests.integration.jobs.conftest import RunWorker, compose, counts
from tests.integration.jobs.scheduling import make_schedule, rows
from tools.sandbox.control import Sandbox


def test_a_worker_sends_no_more_than_the_daily_limit(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, settings: Settings, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    add_contacts(database, church_id, count=5)
    message = compose(database, church_id)
    job_queue.enqueue_expansion(channel="sms")

    work(with_settings=settings.model_copy(update={"daily_segment_limit": 3}))

    assert counts(database, church_id, message) == {Status.SENT: 3, Status.FAILED: 2}
    assert len(sandbox.ledger()) == 3


def test_numbers_of_other_regions_are_suppressed(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    message = compose(database, church_id, numbers=["+12025550123", "+18765550123", "+19005550123"])
    job_queue.enqueue_expansion(channel="sms")

    work()

    assert counts(database, church_id, message) == {Status.SENT: 1, Status.SUPPRESSED: 2}
    assert [row.to for row in sandbox.ledger()] == ["+12025550123"]


def test_deliveries_of_a_schedule_beyond_the_daily_limit_fail_with_the_reason(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, settings: Settings
) -> None:
    church_id = create_church(database).church_id
    add_contacts(database, church_id, count=4)
    recently = datetime.now(UTC) - timedelta(minutes=35)
    schedule = make_schedule(
        database, church_id, rule="*/30 * * * *", kind="cron", starts_at="2020-01-01 00:00", after=recently
    )
    run_schedules(database)
    job_queue.enqueue_expansion(channel="sms")

    work(with_settings=settings.model_copy(update={"daily_segment_limit": 3}))

    found = rows(
        database,
        "SELECT deliveries.status::text, deliveries.reason, count(*) FROM deliveries JOIN messages USING (message_id) "
        "WHERE messages.schedule_id = %(schedule)s GROUP BY 1, 2 ORDER BY 1",
        schedule=schedule.schedule_id,
    )
    assert found == [("failed", "daily limit", 1), ("sent", None, 3)]
