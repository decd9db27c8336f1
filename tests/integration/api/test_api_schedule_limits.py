"""Limits of schedules: bounded rules, a maximum number, and how a failing schedule is repaired."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.services import services
from messaging.recurrence import rule as rules
from messaging.recurrence.runs import recurrence_by_rrule
from messaging.wall_time import find_zone
from settings import Settings
from store import schedules
from store.database import Database, church_scope
from tests.harness.churches import KnownChurch
from tests.harness.waiting import wait_until
from tests.integration.api.test_api_schedules import SCHEDULES, a_plan, look, make
from tests.integration.jobs.scheduling import rows, run_schedules
from tests.integration.store.ledger import together

QUARTERS = "BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=0,15,30,45"
STEPS, COUNTED = "takes more than 10,000 steps", "ends too far from the start to be counted"
LIMIT = 3


def numbers(first: int, last: int) -> str:
    return ",".join(map(str, range(first, last + 1)))


HOSTILE = [
    (f"FREQ=DAILY;COUNT=10000;{QUARTERS};BYSETPOS=96", COUNTED),
    (f"FREQ=DAILY;COUNT=10000;{QUARTERS};BYSETPOS=97", COUNTED),
    ("FREQ=WEEKLY;COUNT=10000", COUNTED),
    ("FREQ=YEARLY;COUNT=10000", COUNTED),
    ("FREQ=HOURLY;COUNT=10000;INTERVAL=1000", COUNTED),
    ("FREQ=HOURLY;INTERVAL=24;BYHOUR=3", STEPS),
    (f"FREQ=WEEKLY;BYDAY=SU;{QUARTERS};BYSETPOS={numbers(200, 290)}", STEPS),
    ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "has no run"),
    ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=10000", "has no run"),
    ("FREQ=YEARLY;INTERVAL=1000", "has no run"),
    ("FREQ=MONTHLY;INTERVAL=1000;BYMONTHDAY=31", "has no run"),
    ("FREQ=SECONDLY", "too often"),
    ("FREQ=MINUTELY;INTERVAL=100", "too often"),
    (f"FREQ=MONTHLY;BYMONTHDAY={numbers(1, 31)},{numbers(1, 31)},{'1,' * 100}1;BYSETPOS=366", "has no run"),
    ("FREQ=DAILY;BYHOUR=" + "1," * 1000 + "1", "at most 500 characters"),
    ("DTSTART:00010101T000000\nRRULE:FREQ=DAILY;COUNT=10000", "has a DTSTART, which must lie between"),
    ("DTSTART:99991231T235900\nRRULE:FREQ=DAILY", "has a DTSTART, which must lie between"),
    ("FREQ=DAILY;UNTIL=00010101T000000Z", "has no run"),
    ("FREQ=YEARLY;BYWEEKNO=53,-53;BYYEARDAY=1;BYMONTHDAY=6", "has no run"),
]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of steps that are taken from now on."""
    taken: list[int] = []
    take = rules.Steps.take

    def record(self: rules.Steps, number: int = 1) -> None:
        taken.append(number)
        take(self, number)

    monkeypatch.setattr(rules.Steps, "take", record)
    return taken


@pytest.mark.parametrize(("text", "expected"), HOSTILE)
def test_a_hostile_rule_is_refused_after_few_steps(
    client: FlaskClient, church: KnownChurch, steps: list[int], text: str, expected: str
) -> None:
    plan = a_plan(church, recurrence={"rrule": text}, startsAt=... if "DTSTART" in text else "2000-01-01T00:00:00")

    answer = client.post(SCHEDULES, json=plan, headers=church.bearer)

    assert answer.status_code == 422, answer.text
    [error] = answer.get_json()["errors"]
    assert error["field"] == "recurrence.rrule"
    assert expected in error["message"]
    assert sum(steps) <= 2 * rules.MAX_STEPS + 200


def test_a_rule_without_a_computable_second_run_is_refused(client: FlaskClient, church: KnownChurch) -> None:
    start = datetime(datetime.now(UTC).year + 1, 1, 1, 9)  # noqa: DTZ001 - a wall time
    rule = next(filter(lambda text: _has_one_run_within_bounds(text, start), map(_RARE.format, range(900, 1001))))

    plan = a_plan(church, recurrence={"rrule": rule}, startsAt=start.isoformat())
    answer = client.post(SCHEDULES, json=plan, headers=church.bearer)

    assert answer.status_code == 422
    assert STEPS in answer.get_json()["errors"][0]["message"]


_RARE = "FREQ=HOURLY;INTERVAL={};BYYEARDAY=1,2,3,4,5,6,7,8"


def _has_one_run_within_bounds(text: str, start: datetime) -> bool:
    runs = recurrence_by_rrule(text, zone=find_zone("America/New_York"), starts_at=start).runs_after(datetime.now(UTC))
    next(runs)
    try:
        next(runs, None)
    except rules.TooManySteps:
        return True
    return False


def test_common_rules_take_few_steps(client: FlaskClient, church: KnownChurch, steps: list[int]) -> None:
    for text in (
        "FREQ=WEEKLY;BYDAY=SU",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;COUNT=500",
        "FREQ=MONTHLY;BYDAY=1SU;BYHOUR=9,17",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24;COUNT=50",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=DAILY;COUNT=1000",
        f"FREQ=DAILY;{QUARTERS}",
    ):
        start = datetime.now(UTC).strftime("%Y-%m-%dT09:00:00")
        made = make(client, church, recurrence={"rrule": text}, startsAt=start)
        assert len(made["nextRuns"]) == 5
    assert sum(steps) < 3 * rules.MAX_STEPS


def test_a_count_starts_again_only_when_the_rule_changes(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    start = (datetime.now(UTC) - timedelta(days=3, hours=12)).replace(second=0, microsecond=0, tzinfo=None)
    made = make(client, church, recurrence={"rrule": "FREQ=DAILY;COUNT=6"}, startsAt=start.isoformat(), timeZone="UTC")
    ends = "SELECT counted_end FROM schedules"

    def days_of(schedule: dict[str, Any]) -> list[int]:
        walls = [datetime.fromisoformat(run["ruleTime"]) for run in schedule["nextRuns"]]
        return [(wall - start).days for wall in walls]

    assert days_of(made) == [4, 5]
    assert rows(database, ends) == [(start + timedelta(days=5),)]
    place = made["links"]["self"]
    client.post(f"{place}/pause", json={}, headers=church.bearer)
    resumed = client.post(f"{place}/resume", headers=church.bearer).get_json()
    assert days_of(resumed) == [4, 5]
    changed = client.patch(place, json={"recurrence": {"rrule": "FREQ=DAILY;COUNT=8"}}, headers=church.bearer)
    assert days_of(changed.get_json()) == [4, 5, 6, 7]
    without = client.patch(place, json={"recurrence": {"rrule": "FREQ=DAILY"}}, headers=church.bearer)
    assert days_of(without.get_json()) == [4, 5, 6, 7, 8]
    assert rows(database, ends) == [(None,)]


@pytest.fixture(scope="session")
def limited_app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings.model_copy(update={"schedules_per_church": LIMIT}))
    yield app
    services(app).close()


@pytest.fixture
def limited(limited_app: Flask) -> FlaskClient:
    return limited_app.test_client()


def test_a_schedule_beyond_the_limit_is_refused_with_the_limit(
    limited: FlaskClient, church: KnownChurch, other_church: KnownChurch, database: Database
) -> None:
    headers = church.bearer | {"Idempotency-Key": "first"}
    first = limited.post(SCHEDULES, json=a_plan(church), headers=headers)
    made = [make(limited, church) for _ in range(LIMIT - 1)]

    answer = limited.post(SCHEDULES, json=a_plan(church), headers=church.bearer)

    problem = answer.get_json()
    assert (answer.status_code, problem["type"]) == (409, "/docs#problem-too-many-schedules")
    assert "may have 3 schedules" in problem["detail"]
    assert rows(database, "SELECT count(*) FROM schedules") == [(LIMIT,)]
    # An accepted request can be repeated, other churches are independent, and a deleted schedule no longer counts.
    again = limited.post(SCHEDULES, json=a_plan(church), headers=headers)
    assert again.get_json()["id"] == first.get_json()["id"]
    make(limited, other_church)
    limited.delete(made[0]["links"]["self"], headers=church.bearer)
    make(limited, church)


def test_concurrent_requests_succeed_only_up_to_the_limit(
    limited_app: Flask, church: KnownChurch, database: Database
) -> None:
    def post(_: int) -> int:
        return limited_app.test_client().post(SCHEDULES, json=a_plan(church), headers=church.bearer).status_code

    answers = together(8, post)

    assert sorted(answers) == [201] * LIMIT + [409] * (8 - LIMIT)
    assert rows(database, "SELECT count(*) FROM schedules") == [(LIMIT,)]


def test_a_request_waits_for_an_uncommitted_one_that_may_reach_the_limit(
    limited: FlaskClient, church: KnownChurch, database: Database
) -> None:
    for _ in range(LIMIT):
        make(limited, church)
    copied = "church_id, channel, content, segments, target_type, target, rule_kind, rule, time_zone, starts_at, "
    copied += "missed_policy, missed_within_seconds, next_run_at, next_wall_time, request_hash"
    [(one,)] = rows(database, "SELECT max(schedule_id::text)::uuid FROM schedules")
    rows(database, "UPDATE schedules SET deleted_at = now() WHERE schedule_id = %(one)s", one=one)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    with ThreadPoolExecutor(1) as threads:
        with church_scope(database, church.church_id) as connection:
            schedules.lock_church(connection, church.church_id)
            copy = f"INSERT INTO schedules ({copied}) SELECT {copied} FROM schedules WHERE schedule_id = %s"  # noqa: S608
            connection.execute(copy.encode(), (one,))
            second = threads.submit(limited.post, SCHEDULES, json=a_plan(church), headers=church.bearer)
            wait_until(lambda: second.done() or rows(database, waiting) == [(1,)])
        assert second.result().status_code == 409


@pytest.mark.parametrize("revive", ["change", "resume"])
def test_an_ended_schedule_counts_again_when_it_is_revived(
    limited: FlaskClient, church: KnownChurch, database: Database, revive: str
) -> None:
    over = make(limited, church)
    ended = "next_run_at = NULL, next_wall_time = NULL, paused_at = %(paused)s, paused_reason = 'stopped'"
    paused = datetime.now(UTC) if revive == "resume" else None
    rows(database, f"UPDATE schedules SET {ended}", paused=paused)  # noqa: S608
    full = [make(limited, church) for _ in range(LIMIT)]
    place = over["links"]["self"]

    def run_again() -> int:
        if revive == "change":
            return limited.patch(place, json={"content": "New words"}, headers=church.bearer).status_code
        return limited.post(f"{place}/resume", headers=church.bearer).status_code

    assert run_again() == 409
    assert look(limited, church, over)["nextRunAt"] is None
    limited.delete(full[0]["links"]["self"], headers=church.bearer)
    assert run_again() == 200
    assert look(limited, church, over)["nextRunAt"] is not None


def test_a_church_above_a_lowered_limit_keeps_and_changes_its_schedules(
    client: FlaskClient, limited: FlaskClient, church: KnownChurch
) -> None:
    made = [make(client, church) for _ in range(LIMIT + 1)]

    answer = limited.patch(made[0]["links"]["self"], json={"content": "New words"}, headers=church.bearer)

    assert answer.status_code == 200


@pytest.mark.parametrize("way", ["delete", "change", "pause"])
def test_a_schedule_whose_run_cannot_be_recorded_is_shown_as_delayed_and_can_be_repaired(
    client: FlaskClient, church: KnownChurch, database: Database, way: str
) -> None:
    made = make(client, church)
    place = made["links"]["self"]
    rows(
        database,
        "UPDATE schedules SET urgent_reason = '', next_run_at = '2026-01-04T14:00Z', "
        "next_wall_time = '2026-01-04 09:00', missed_within_seconds = 2000000000",
    )
    run_schedules(database)

    delayed = look(client, church, made)
    assert delayed["status"] == "active"
    assert datetime.fromisoformat(delayed["delayedUntil"]) > datetime.now(UTC)
    assert "an error on our side" in delayed["delayReason"]
    match way:
        case "delete":
            assert client.delete(place, headers=church.bearer).status_code == 204
        case "pause":
            assert client.post(f"{place}/pause", json={}, headers=church.bearer).status_code == 200
        case _:
            changes = {"urgent": None, "content": "New words", "missedRuns": {"withinMinutes": 60}}
            changed = client.patch(place, json=changes, headers=church.bearer).get_json()
            assert (changed["delayedUntil"], changed["delayReason"]) == (None, None)
            assert changed["nextRunAt"] == made["nextRunAt"]


def test_a_stopped_schedule_states_what_to_change_and_runs_after_the_change(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    made = make(client, church)
    place = made["links"]["self"]
    rows(
        database,
        "UPDATE schedules SET rule = 'FREQ=WEEKLY;COUNT=10000', next_run_at = now() - interval '1 second'",
    )
    run_schedules(database)

    stopped = look(client, church, made)
    assert (stopped["status"], stopped["nextRunAt"], stopped["nextRuns"]) == ("paused", None, [])
    assert COUNTED in stopped["pausedReason"]
    refused = client.post(f"{place}/resume", headers=church.bearer)
    assert refused.status_code == 409
    assert COUNTED in refused.get_json()["detail"]
    client.patch(place, json={"recurrence": {"rrule": "FREQ=WEEKLY;COUNT=500"}}, headers=church.bearer)
    resumed = client.post(f"{place}/resume", headers=church.bearer).get_json()
    assert (resumed["status"], resumed["pausedReason"], len(resumed["nextRuns"])) == ("active", None, 5)
