"""The runs of schedules become messages: each once, however many processes run them, and every run is recorded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import pytest
from psycopg import Connection

from jobs import run_schedules as job
from messaging.addresses import AddressKind
from messaging.states import Status
from store import message_expansion, messages, schedule_runs, schedules
from store.database import Database, church_scope, open_database
from store.schedules import Schedule
from tests.harness.churches import add_contacts, create_church
from tests.harness.senders import set_mail_sender
from tests.harness.waiting import wait_until
from tests.integration.jobs.scheduling import make_schedule, messages_made, outcomes, rows, run_schedules
from tests.integration.store.ledger import together


def at(text: str) -> datetime:
    """An instant of 2026, in UTC."""
    return datetime.fromisoformat(f"2026-{text}+00:00")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url, size=12, name="test")
    yield database
    database.close()


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


def test_a_run_becomes_a_message_at_its_time_and_not_before(database: Database, church_id: UUID) -> None:
    schedule = make_schedule(database, church_id, after=at("01-01 00:00"))

    assert run_schedules(database, now=at("01-01 13:59:59")) == 0
    assert run_schedules(database, now=at("01-01 14:00")) == 1
    assert run_schedules(database, now=at("01-01 14:00:01")) == 0

    assert outcomes(database, schedule) == ["01-01 14:00 sent"]
    [(content, target_type, send_at, schedule_id)] = rows(
        database, "SELECT content, target_type, send_at, schedule_id FROM messages"
    )
    assert (content, target_type, send_at) == ("See you on Sunday", "all", at("01-01 14:00"))
    assert schedule_id == schedule.schedule_id
    [(message_id, wall_time)] = rows(database, "SELECT message_id, wall_time FROM schedule_runs")
    assert rows(database, "SELECT message_id FROM messages") == [(message_id,)]
    assert wall_time == datetime.fromisoformat("2026-01-01 09:00")


def test_without_a_given_time_the_clock_of_the_database_is_used(database: Database, church_id: UUID) -> None:
    start = datetime.now(UTC) - timedelta(minutes=10)
    make_schedule(
        database, church_id, zone="UTC", starts_at=f"{start + timedelta(minutes=1):%Y-%m-%d %H:%M}", after=start
    )

    assert run_schedules(database) == 1


@pytest.mark.parametrize("clocks", [2, 8])
def test_several_clocks_make_one_message_of_a_run(clocks: int, database: Database, church_id: UUID) -> None:
    made = [make_schedule(database, church_id, after=at("01-01 00:00")) for _ in range(20)]

    together(clocks, lambda _: run_schedules(database, now=at("01-01 14:00")))

    assert {messages_made(database, schedule) for schedule in made} == {1}
    assert {tuple(outcomes(database, schedule)) for schedule in made} == {("01-01 14:00 sent",)}


def test_a_run_that_is_recorded_makes_no_second_message(database: Database, church_id: UUID) -> None:
    """Even if the schedule's next time was moved back by mistake."""
    schedule = make_schedule(database, church_id, after=at("01-01 00:00"))
    run_schedules(database, now=at("01-01 14:00"))
    rows(database, "UPDATE schedules SET next_run_at = %(at)s, next_wall_time = '2026-01-01 09:00'", at=at("01-01 14:00"))  # fmt: skip  # noqa: E501

    assert run_schedules(database, now=at("01-01 14:01")) == 0

    assert messages_made(database, schedule) == 1


@pytest.mark.parametrize("step", ["lock_due", "record"])
def test_an_error_rolls_the_run_back(
    step: str, database: Database, church_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = make_schedule(database, church_id, after=at("01-01 00:00"))
    function = getattr(job.schedule_runs, step)

    def breaks(*args: object, **options: object) -> None:
        function(*args, **options)
        raise MemoryError

    monkeypatch.setattr(job.schedule_runs, step, breaks)
    with pytest.raises(MemoryError):
        run_schedules(database, now=at("01-01 14:00"))
    monkeypatch.undo()

    assert outcomes(database, schedule) == []
    assert run_schedules(database, now=at("01-01 14:00")) == 1
    assert outcomes(database, schedule) == ["01-01 14:00 sent"]


KILLED = """
import os, sys, time
from datetime import datetime
from jobs import run_schedules as job
from store.database import open_database

record = job.schedule_runs.record

def record_and_wait(*args, **named):
    record(*args, **named)
    print("written", flush=True)
    time.sleep(60)

job.schedule_runs.record = record_and_wait
job.run_schedules(open_database(sys.argv[1], size=1, name="killed"), now=datetime.fromisoformat(sys.argv[2]))
"""


def test_a_process_that_is_killed_before_it_commits_leaves_the_run_to_the_next(
    database: Database, database_url: str, church_id: UUID
) -> None:
    schedule = make_schedule(database, church_id, after=at("01-01 00:00"))
    now = at("01-01 14:00")
    process = subprocess.Popen(
        (sys.executable, "-c", KILLED, database_url, now.isoformat()), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    # While it lives, another process skips the schedule that it has locked.
    assert run_schedules(database, now=now) == 0

    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    wait_until(lambda: run_schedules(database, now=now) == 1)
    assert outcomes(database, schedule) == ["01-01 14:00 sent"]
    assert messages_made(database, schedule) == 1


def test_after_an_outage_the_last_run_is_sent_and_the_others_are_recorded_as_missed(
    database: Database, church_id: UUID
) -> None:
    schedule = make_schedule(database, church_id, rule="FREQ=DAILY;BYHOUR=8,9", after=at("01-01 00:00"))

    assert run_schedules(database, now=at("01-03 14:30")) == 1

    assert outcomes(database, schedule) == [
        "01-01 14:00 missed",
        "01-02 13:00 missed",
        "01-02 14:00 missed",
        "01-03 13:00 missed",
        "01-03 14:00 sent",
    ]
    assert rows(database, "SELECT send_at FROM messages") == [(at("01-03 14:30"),)]


@pytest.mark.parametrize(("missed", "minutes", "sent"), [("runOnce", 61, 0), ("skip", 2, 0), ("skip", 1, 1)])
def test_a_run_that_is_too_late_is_recorded_as_missed(
    missed: Literal["skip", "runOnce"], minutes: int, sent: int, database: Database, church_id: UUID
) -> None:
    schedule = make_schedule(database, church_id, after=at("01-01 00:00"), missed=missed)

    assert run_schedules(database, now=at("01-01 14:00") + timedelta(minutes=minutes)) == sent

    assert outcomes(database, schedule) == [f"01-01 14:00 {'sent' if sent else 'missed'}"]
    assert run_schedules(database, now=at("01-02 14:00")) == 1


def test_the_runs_of_a_long_outage_are_recorded_in_slices(
    database: Database, church_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job.schedule_runs, "RUNS_AT_ONCE", 7)
    schedule = make_schedule(
        database, church_id, rule="FREQ=HOURLY", starts_at="2026-01-01 00:00", after=at("01-01 05:00")
    )

    assert run_schedules(database, now=at("01-03 05:10")) == 1

    found = outcomes(database, schedule)
    assert len(found) == 48
    assert found[-1] == "01-03 05:00 sent"
    assert {outcome.rpartition(" ")[2] for outcome in found[:-1]} == {"missed"}


def test_the_runs_of_a_paused_schedule_are_recorded_as_skipped(database: Database, church_id: UUID) -> None:
    schedule = make_schedule(database, church_id, after=at("01-01 00:00"))
    with church_scope(database, church_id) as connection:
        schedules.pause(connection, church_id=church_id, schedule_id=schedule.schedule_id, reason="summer")

    assert run_schedules(database, now=at("01-02 14:00")) == 0

    assert outcomes(database, schedule) == ["01-01 14:00 skipped", "01-02 14:00 skipped"]


def test_a_deleted_schedule_does_not_run(database: Database, church_id: UUID) -> None:
    schedule = make_schedule(database, church_id, after=at("01-01 00:00"))
    with church_scope(database, church_id) as connection:
        schedules.delete(connection, church_id=church_id, schedule_id=schedule.schedule_id)

    assert run_schedules(database, now=at("01-02 14:00")) == 0


def test_a_schedule_ends_with_its_rule(database: Database, church_id: UUID) -> None:
    schedule = make_schedule(database, church_id, rule="FREQ=DAILY;COUNT=2", after=at("01-01 00:00"))

    for day in (1, 2, 3):
        run_schedules(database, now=at(f"01-0{day} 14:00"))

    assert outcomes(database, schedule) == ["01-01 14:00 sent", "01-02 14:00 sent"]
    with church_scope(database, church_id) as connection:
        ended = schedules.get(connection, church_id=church_id, schedule_id=schedule.schedule_id)
    assert ended is not None
    assert (ended.status, ended.next_run_at) == ("ended", None)


@pytest.mark.parametrize(("stored", "real"), [("01-01 15:00", "14:00"), ("01-01 13:00", "14:00")])
def test_when_a_time_zone_changes_its_rules_the_wall_time_of_the_run_stays(
    stored: str, real: str, database: Database, church_id: UUID
) -> None:
    """The stored next instant was computed by the old rules."""
    schedule = make_schedule(database, church_id, after=at("01-01 00:00"))
    rows(database, "UPDATE schedules SET next_run_at = %(stored)s", stored=at(stored))

    for minute in range(0, 180, 10):
        run_schedules(database, now=at("01-01 12:30") + timedelta(minutes=minute))

    assert outcomes(database, schedule) == [f"01-01 {real} sent"]


def test_a_schedule_with_an_unknown_time_zone_is_paused_and_does_not_block_others(
    database: Database, church_id: UUID
) -> None:
    broken = make_schedule(database, church_id, after=at("01-01 00:00"))
    good = make_schedule(database, church_id, after=at("01-01 00:00"))
    rows(database, "UPDATE schedules SET time_zone = 'Mars/Olympus' WHERE schedule_id = %(id)s", id=broken.schedule_id)

    assert run_schedules(database, now=at("01-01 14:00")) == 1

    assert outcomes(database, good) == ["01-01 14:00 sent"]
    with church_scope(database, church_id) as connection:
        stopped = schedules.get(connection, church_id=church_id, schedule_id=broken.schedule_id)
    assert stopped is not None
    assert (stopped.status, stopped.paused_reason) == (
        "paused",
        "the time zone must be a time zone of the IANA database, such as America/New_York",
    )


def test_a_schedule_without_a_sender_is_skipped_and_does_not_block_others(database: Database, church_id: UUID) -> None:
    """Mail, for which the church has none."""
    unsendable = make_schedule(database, church_id, channel="mail", after=at("01-01 00:00"))
    good = make_schedule(database, church_id, after=at("01-01 00:00"))

    assert run_schedules(database, now=at("01-01 14:00")) == 1

    assert outcomes(database, good) == ["01-01 14:00 sent"]
    assert outcomes(database, unsendable) == ["01-01 14:00 skipped"]
    assert rows(database, "SELECT reason, message_id FROM schedule_runs WHERE outcome = 'skipped'") == [
        ("the church has no sender for it", None)
    ]


def test_the_message_has_the_details_of_its_schedule(database: Database, church_id: UUID) -> None:
    set_mail_sender(database, church_id)
    make_schedule(database, church_id, channel="mail", details={"subject": "This Sunday"}, after=at("01-01 00:00"))

    run_schedules(database, now=at("01-01 14:00"))

    assert rows(database, "SELECT channel, details FROM messages") == [("mail", {"subject": "This Sunday"})]


def test_thousands_of_schedules_at_the_same_hour_take_a_few_transactions(
    database: Database, church_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "BUDGET_SECONDS", 600)
    schedule = make_schedule(database, church_id, rule="FREQ=WEEKLY;BYDAY=SU", after=at("01-01 00:00"))
    columns = (
        "church_id, channel, content, segments, target_type, target, rule_kind, rule, time_zone, starts_at, "
        "missed_policy, missed_within_seconds, next_run_at, next_wall_time, request_hash"
    )
    rows(database, f"INSERT INTO schedules ({columns}) SELECT {columns} FROM schedules, generate_series(2, 2000)")  # noqa: S608
    lock_due, taken = schedule_runs.lock_due, list[int]()

    def counting_lock_due(connection: Connection[Any], *, now: datetime, limit: int) -> Sequence[Schedule]:
        due = lock_due(connection, now=now, limit=limit)
        taken.append(len(due))
        return due

    monkeypatch.setattr(schedule_runs, "lock_due", counting_lock_due)

    assert run_schedules(database, now=schedule.next_run_at) == 2000

    slices = 2000 // job.SCHEDULES_AT_ONCE
    assert taken == [job.SCHEDULES_AT_ONCE] * slices + [0]


def test_contacts_added_after_the_schedule_was_made_are_in_the_audience(database: Database, church_id: UUID) -> None:
    now = datetime.now(UTC)
    add_contacts(database, church_id, count=2)
    make_schedule(database, church_id, zone="UTC", starts_at=f"{now:%Y-%m-%d %H:%M}", after=now - timedelta(hours=1))
    add_contacts(database, church_id, count=3, first=2)

    run_schedules(database)

    [(message_id,)] = rows(database, "SELECT message_id FROM messages")
    with church_scope(database, church_id) as connection:
        expansions = message_expansion.expand(
            connection,
            message_ids=[message_id],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=True,
        )
        assert expansions[message_id].written == 5
        assert messages.counts(connection, message_id)[Status.QUEUED] == 5
