"""A schedule that fails is delayed or paused with a reason; a killed process neither loses nor repeats a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from jobs.run_schedules import FIRST_DELAY
from messaging.recurrence.rule import MAX_STEPS, Steps
from store import audit, schedules
from store.database import Database, church_scope, open_database
from store.schedules import Schedule
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.integration.jobs.scheduling import make_schedule, messages_made, outcomes, rows, run_schedules

START = datetime(2026, 1, 1, tzinfo=UTC)
DUE = START + timedelta(hours=14)
DELAYED = "its last evaluation failed because of an error on our side; it is retried automatically"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url, size=4, name="test")
    yield database
    database.close()


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


def read(database: Database, schedule: Schedule) -> Schedule:
    with church_scope(database, schedule.church_id) as connection:
        found = schedules.get(connection, church_id=schedule.church_id, schedule_id=schedule.schedule_id)
    assert found is not None
    return found


def change_row(database: Database, schedule: Schedule, change: str) -> None:
    rows(database, f"UPDATE schedules SET {change} WHERE schedule_id = %(id)s", id=schedule.schedule_id)  # noqa: S608


BROKEN = pytest.mark.parametrize(
    ("broken_by", "fixed_by"),
    [
        # The wall time has no instant: the evaluation overflows.
        ("next_wall_time = '0001-01-01', time_zone = 'Asia/Tokyo'", "next_wall_time = '2026-01-01 09:00', "
         "time_zone = 'America/New_York'"),
        # A constraint of the messages forbids it: the run cannot be recorded.
        ("urgent_reason = ''", "urgent_reason = NULL"),
    ],
    ids=["evaluation", "recording"],
)  # fmt: skip


@BROKEN
def test_a_schedule_that_fails_is_delayed_and_does_not_block_others(
    broken_by: str, fixed_by: str, database: Database, church_id: UUID
) -> None:
    broken = make_schedule(database, church_id, after=START)
    good = [make_schedule(database, church_id, after=START) for _ in range(3)]
    change_row(database, broken, broken_by)

    assert run_schedules(database, now=DUE) == 3

    assert {tuple(outcomes(database, schedule)) for schedule in good} == {("01-01 14:00 sent",)}
    delayed = read(database, broken)
    assert (delayed.status, delayed.delayed_until, delayed.delay_reason) == ("active", DUE + FIRST_DELAY, DELAYED)
    assert (outcomes(database, broken), delayed.next_run_at) == ([], DUE)


@BROKEN
def test_a_failing_schedule_is_retried_with_growing_delays_and_continues_once_it_is_fixed(
    broken_by: str, fixed_by: str, database: Database, church_id: UUID
) -> None:
    broken = make_schedule(database, church_id, after=START, within_seconds=6 * 3600)
    change_row(database, broken, broken_by)
    now, delays = DUE, list[timedelta]()
    for _ in range(8):
        run_schedules(database, now=now)
        until = read(database, broken).delayed_until
        assert until is not None
        run_schedules(database, now=until - timedelta(seconds=1))
        assert read(database, broken).delayed_until == until
        delays.append(until - now)
        now = until
    change_row(database, broken, fixed_by)
    run_schedules(database, now=now)

    assert [delay.total_seconds() / 60 for delay in delays] == [1, 2, 4, 8, 16, 32, 60, 60]
    fixed = read(database, broken)
    assert (fixed.delayed_until, fixed.delay_reason, fixed.failed_evaluations) == (None, None, 0)
    assert outcomes(database, broken) == ["01-01 14:00 sent"]
    assert messages_made(database, broken) == 1


def test_a_rule_past_the_bound_is_paused_with_the_reason_and_its_run_is_recorded_as_missed(
    database: Database, church_id: UUID
) -> None:
    """Stored by a release without the bound."""
    hostile = make_schedule(database, church_id, after=START)
    good = make_schedule(database, church_id, after=START)
    change_row(database, hostile, "rule = 'FREQ=WEEKLY;COUNT=10000;BYDAY=TH'")

    assert run_schedules(database, now=DUE) == 1

    assert outcomes(database, good) == ["01-01 14:00 sent"]
    assert outcomes(database, hostile) == ["01-01 14:00 missed"]
    stopped = read(database, hostile)
    assert (stopped.status, stopped.next_run_at) == ("paused", None)
    assert stopped.paused_reason == (
        "the rule has COUNT=10000, which ends too far from the start to be counted; use a smaller COUNT, or UNTIL"
    )


def test_a_schedule_that_the_service_pauses_is_recorded_once(database: Database, church_id: UUID) -> None:
    broken, paused_before = (make_schedule(database, church_id, after=START) for _ in range(2))
    with church_scope(database, church_id) as connection:
        schedules.pause(connection, church_id=church_id, schedule_id=paused_before.schedule_id, reason="summer")
    for schedule in (broken, paused_before):
        change_row(database, schedule, "rule = 'FREQ=WEEKLY;COUNT=10000;BYDAY=TH'")

    for _ in range(2):
        run_schedules(database, now=DUE)

    with church_scope(database, church_id) as connection:
        [event] = audit.list_events(connection, church_id=church_id, limit=10)
    assert (event.actor_kind, event.actor, event.action) == ("service", "schedules", "schedule.paused")
    assert event.subject == str(broken.schedule_id)
    assert event.details["reason"] == read(database, broken).paused_reason


def test_a_rule_whose_next_run_is_past_the_bound_still_makes_the_run_that_is_due(
    database: Database, church_id: UUID
) -> None:
    last = make_schedule(database, church_id, after=START)
    change_row(database, last, "rule = 'FREQ=HOURLY;INTERVAL=906;BYYEARDAY=1,2,3,4,5,6'")

    assert run_schedules(database, now=DUE) == 1

    assert outcomes(database, last) == ["01-01 14:00 sent"]
    stopped = read(database, last)
    assert (stopped.status, stopped.next_run_at) == ("paused", None)
    assert "takes more than 10,000 steps" in (stopped.paused_reason or "")


def test_the_end_of_a_count_from_an_older_release_is_computed_once(database: Database, church_id: UUID) -> None:
    old = make_schedule(database, church_id, rule="FREQ=DAILY;COUNT=3", after=START)
    assert read(database, old).counted_end is None

    run_schedules(database, now=DUE)

    assert read(database, old).counted_end == datetime.fromisoformat("2026-01-03 09:00")
    run_schedules(database, now=DUE + timedelta(days=9))
    assert len(outcomes(database, old)) == 3
    assert read(database, old).status == "ended"


def test_the_cost_of_a_run_does_not_grow_with_the_age_of_the_schedule(database: Database, church_id: UUID) -> None:
    """In steps: once its end is known, a COUNT is not counted again."""
    old = make_schedule(database, church_id, rule="FREQ=DAILY;COUNT=4900", starts_at="2014-01-01 09:00", after=START)
    run_schedules(database, now=DUE)
    recurrence = read(database, old).recurrence()

    steps = Steps()
    walls = recurrence.rule.wall_times(
        start=recurrence.starts_at, since=datetime.fromisoformat("2026-01-01"), last_day=DUE.date(), steps=steps
    )
    assert len(list(walls)) == 1
    assert steps.taken < 10 < MAX_STEPS


KILLED = """
import sys, time
from datetime import datetime
from jobs import run_schedules as job
from store.database import open_database

record, slices = job.schedule_runs.record, []

def record_and_wait(*args, **named):
    made = record(*args, **named)
    slices.append(made)
    if len(slices) == 3:
        print("third slice written", flush=True)
        time.sleep(60)
    return made

job.schedule_runs.record, job.SCHEDULES_AT_ONCE, job.BUDGET_SECONDS = record_and_wait, 10, 60
job.run_schedules(open_database(sys.argv[1], size=1, name="killed"), now=datetime.fromisoformat(sys.argv[2]))
"""


def test_a_process_killed_between_slices_leaves_what_is_committed_and_the_rest_runs_once(
    database: Database, database_url: str
) -> None:
    made = [make_schedule(database, create_church(database).church_id, after=START) for _ in range(40)]
    process = subprocess.Popen(
        (sys.executable, "-c", KILLED, database_url, DUE.isoformat()), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "third slice written\n"

    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert rows(database, "SELECT count(*) FROM messages") == [(20,)]
    rest = [0]

    def all_ran() -> bool:
        rest[0] += run_schedules(database, now=DUE)
        return rest[0] == 20

    wait_until(all_ran)  # the connection of the killed process may hold its locks for a moment
    assert {tuple(outcomes(database, schedule)) for schedule in made} == {("01-01 14:00 sent",)}
    assert {messages_made(database, schedule) for schedule in made} == {1}
