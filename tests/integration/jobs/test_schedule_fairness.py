"""Many expensive schedules of one church do not delay the work of others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from redis import Redis

from jobs import run_schedules as job
from jobs.enqueue_due import enqueue_due
from jobs.job_queue.job_kinds import ENQUEUE_DUE
from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.worker.checked_job import CheckedQueue
from jobs.worker.runtime import Runtime, use_runtime
from settings import Settings
from store import schedule_runs
from store.database import Database, system_scope
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.conftest import compose
from tests.integration.jobs.scheduling import make_schedule, outcomes, rows, run_schedules
from tests.integration.store.ledger import numbers

EVERY_QUARTER_HOUR = "BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=0,15,30,45"
HOSTILE = (
    f"FREQ=DAILY;COUNT=10000;{EVERY_QUARTER_HOUR};BYSETPOS=96",
    f"FREQ=DAILY;COUNT=10000;{EVERY_QUARTER_HOUR};BYSETPOS=97",
    f"FREQ=HOURLY;COUNT=10000;INTERVAL=997;{EVERY_QUARTER_HOUR};BYDAY=SU",
    f"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29,30;{EVERY_QUARTER_HOUR};BYSETPOS=-1,-2,-3",
    f"FREQ=WEEKLY;BYDAY=SU;{EVERY_QUARTER_HOUR};BYSETPOS={','.join(map(str, range(200, 290)))}",
)
"""Earlier releases accepted them over the API."""
COPIES = 50
START = datetime(2026, 1, 1, tzinfo=UTC)
RECEIPT = "INSERT INTO receipts (delivery_id, attempt, carrier_id, status) VALUES (uuidv7(), 1, 'SM1', 'sent')"


def make_hostile_schedules(database: Database, church_id: UUID) -> None:
    """As an earlier release stored them, all due since last midnight."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for rule in HOSTILE:
        made = make_schedule(database, church_id, zone="UTC", after=midnight - timedelta(days=1))
        rows(
            database,
            "UPDATE schedules SET rule = %(rule)s, starts_at = %(start)s, next_run_at = %(due)s, "
            "next_wall_time = %(due)s AT TIME ZONE 'UTC' WHERE schedule_id = %(id)s",
            rule=rule,
            start=(midnight - timedelta(days=9_900)).replace(tzinfo=None),
            due=midnight - timedelta(minutes=15),
            id=made.schedule_id,
        )
    columns = (
        "church_id, channel, content, segments, target_type, target, rule_kind, rule, time_zone, starts_at, "
        "missed_policy, missed_within_seconds, next_run_at, next_wall_time, request_hash"
    )
    rows(
        database,
        f"INSERT INTO schedules ({columns}) SELECT {columns} FROM schedules, generate_series(2, %(copies)s)",  # noqa: S608
        copies=COPIES,
    )


@pytest.mark.extended
def test_many_expensive_schedules_do_not_delay_other_schedules_messages_and_receipts(
    settings: Settings, database: Database, job_queue: RedisJobQueue, redis: Redis, tmp_path: Path
) -> None:
    hostile, plain = create_church(database).church_id, create_church(database).church_id
    make_hostile_schedules(database, hostile)
    now = datetime.now(UTC)
    weekly = make_schedule(
        database,
        plain,
        rule="FREQ=WEEKLY",
        zone="UTC",
        starts_at=f"{now:%Y-%m-%d %H:%M}",
        after=now - timedelta(hours=1),
    )
    compose(database, plain, numbers=numbers(1))
    rows(database, RECEIPT)

    def all_done() -> bool:
        job_queue.enqueue_tick(ENQUEUE_DUE)
        is_expansion_waiting = redis.llen("rq:queue:sms") > 0
        is_receipt_applied = rows(database, "SELECT count(*) FROM receipts WHERE applied_at IS NOT NULL") == [(1,)]
        return is_expansion_waiting and is_receipt_applied and bool(outcomes(database, weekly))

    with running_worker(settings, tmp_path / "ticks.log", "analytics"):
        wait_until(all_done, timeout_seconds=60, pause_seconds=0.2)
        assert [outcome.rpartition(" ")[2] for outcome in outcomes(database, weekly)] == ["sent"]

        def no_schedule_is_due() -> bool:
            job_queue.enqueue_tick(ENQUEUE_DUE)
            return rows(database, "SELECT count(*) FROM schedules WHERE next_run_at <= now()") == [(0,)]

        wait_until(no_schedule_is_due, timeout_seconds=60, pause_seconds=0.2)
    left = rows(
        database,
        "SELECT DISTINCT next_run_at > now(), paused_reason FROM schedules WHERE church_id = %(id)s "
        "ORDER BY 2 NULLS FIRST",
        id=hostile,
    )
    assert [goes_on for goes_on, _ in left] == [True, None, None]
    assert [reason for _, reason in left if reason] == [
        "the rule has COUNT=10000, which ends too far from the start to be counted; use a smaller COUNT, or UNTIL",
        "the rule takes more than 10,000 steps to work out; use fewer BY parts, or a rule that runs more often",
    ]


def test_a_church_with_many_older_due_schedules_does_not_always_come_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "BUDGET_SECONDS", 0)  # each call evaluates one schedule
    crowded, small = create_church(database).church_id, create_church(database).church_id
    crowd = [make_schedule(database, crowded, starts_at="2026-01-01 08:00", after=START) for _ in range(60)]
    last = make_schedule(database, small, starts_at="2026-01-01 09:00", after=START)
    now = START + timedelta(hours=14)

    for _ in range(30):  # each time the small church comes first with a probability of one half
        result = job.run_schedules(database, now=now)
        assert (result.messages, result.is_finished) == (1, False)

    assert outcomes(database, last) == ["01-01 14:00 sent"]
    assert sum(len(outcomes(database, schedule)) for schedule in crowd) == 29
    assert run_schedules(database, now=now) == 31


def test_all_churches_come_before_the_second_schedule_of_any(database: Database) -> None:
    three = [create_church(database).church_id for _ in range(3)]
    for church_id, count in zip(three, (20, 1, 1), strict=True):
        for _ in range(count):
            make_schedule(database, church_id, after=START)

    with system_scope(database) as connection:
        taken = schedule_runs.lock_due(connection, now=START + timedelta(hours=14), limit=3)

    assert {schedule.church_id for schedule in taken} == set(three)


def test_waiting_messages_and_receipts_are_enqueued_before_schedules_are_evaluated(
    settings: Settings, database: Database, job_queue: RedisJobQueue, redis: Redis
) -> None:
    church_id = create_church(database).church_id
    compose(database, church_id, numbers=numbers(1))
    rows(database, RECEIPT)
    now = datetime.now(UTC)
    made = make_schedule(
        database, church_id, zone="UTC", starts_at=f"{now:%Y-%m-%d %H:%M}", after=now - timedelta(hours=1)
    )
    working = Runtime(settings, database=database, job_queue=job_queue)

    def run() -> None:
        with use_runtime(working):
            enqueue_due()

    with ThreadPoolExecutor(1) as threads:
        with system_scope(database) as connection:  # until this ends, no run can be recorded
            connection.execute("LOCK TABLE schedule_runs IN EXCLUSIVE MODE")
            running = threads.submit(run)
            wait_until(lambda: redis.llen("rq:queue:sms") == 1 and redis.llen("rq:queue:analytics") == 1)
            assert not running.done()
        running.result()
    assert [outcome.rpartition(" ")[2] for outcome in outcomes(database, made)] == ["sent"]


def test_schedules_beyond_the_time_budget_are_left_to_a_job_at_the_end_of_the_queue(
    settings: Settings, database: Database, job_queue: RedisJobQueue, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "BUDGET_SECONDS", 0)
    church_id = create_church(database).church_id
    now = datetime.now(UTC)
    for _ in range(2):
        make_schedule(
            database, church_id, zone="UTC", starts_at=f"{now:%Y-%m-%d %H:%M}", after=now - timedelta(hours=1)
        )
    rows(database, RECEIPT)

    with use_runtime(Runtime(settings, database=database, job_queue=job_queue)):
        enqueue_due()

    waiting = CheckedQueue("analytics", connection=redis).get_job_ids()
    assert [job_id.partition("-")[0] for job_id in waiting] == ["apply_receipts", "enqueue_due"]
    assert rows(database, "SELECT count(*) FROM messages") == [(1,)]
