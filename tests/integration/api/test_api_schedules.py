"""/api/schedules: creating, listing, changing, pausing, running and deleting schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from store.database import Database
from tests.harness.churches import KnownChurch, add_contacts, create_church
from tests.integration.jobs.scheduling import rows, run_schedules

SCHEDULES = "/api/schedules"


def a_plan(church: KnownChurch, **changes: Any) -> dict[str, Any]:
    """A schedule for every Sunday at nine, with `changes`; a field changed to ... is left out."""
    plan = {
        "churchId": str(church.church_id),
        "content": "Service at 10:30",
        "targetType": "all",
        "recurrence": {"rrule": "FREQ=WEEKLY;BYDAY=SU"},
        "startsAt": "2026-01-04T09:00:00",
    } | changes
    return {name: value for name, value in plan.items() if value is not ...}


def make(client: FlaskClient, church: KnownChurch, **changes: Any) -> dict[str, Any]:
    answer = client.post(SCHEDULES, json=a_plan(church, **changes), headers=church.bearer)
    assert answer.status_code == 201, answer.text
    return without_warnings(answer.get_json())


def without_warnings(made: dict[str, Any]) -> dict[str, Any]:
    """The schedule as it is shown later, without the warnings of its creation."""
    return {name: value for name, value in made.items() if name != "warnings"}


def look(client: FlaskClient, church: KnownChurch, schedule: dict[str, Any]) -> dict[str, Any]:
    return client.get(schedule["links"]["self"], headers=church.bearer).get_json()


def test_a_schedule_shows_its_next_five_runs_in_both_times(client: FlaskClient, church: KnownChurch) -> None:
    answer = client.post(SCHEDULES, json=a_plan(church), headers=church.bearer)

    made = answer.get_json()
    assert answer.headers["Location"] == made["links"]["self"] == f"{SCHEDULES}/{made['id']}"
    assert (made["status"], made["timeZone"], made["startsAt"]) == ("active", "America/New_York", "2026-01-04T09:00:00")
    assert made["missedRuns"] == {"policy": "runOnce", "withinMinutes": 60}
    assert len(made["nextRuns"]) == 5
    for run in made["nextRuns"]:
        at, local = datetime.fromisoformat(run["at"]), datetime.fromisoformat(run["localTime"])
        assert at == local > datetime.now(UTC)
        assert (local.weekday(), f"{local:%H:%M}") == (6, "09:00")
        assert run["ruleTime"] == f"{local:%Y-%m-%dT%H:%M:%S}"
    assert made["nextRunAt"] == made["nextRuns"][0]["at"]
    assert look(client, church, made) == without_warnings(made)


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"recurrence": ...}, "recurrence", "is required"),
        ({"recurrence": {}}, "recurrence", "must have either rrule or cron"),
        ({"recurrence": {"rrule": "FREQ=DAILY", "cron": "0 9 * * *"}}, "recurrence", "must have either"),
        ({"recurrence": {"rrule": "weekly"}}, "recurrence.rrule", "RFC 5545 does not know"),
        ({"recurrence": {"rrule": "FREQ=MINUTELY"}}, "recurrence.rrule", "too often"),
        ({"recurrence": {"rrule": "FREQ=DAILY;BYMINUTE=0,5"}}, "recurrence.rrule", "every 15 minutes"),
        ({"recurrence": {"rrule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}}, "recurrence.rrule", "has no run"),
        ({"recurrence": {"rrule": "FREQ=DAILY;UNTIL=20260105"}}, "recurrence.rrule", "has no run"),
        ({"recurrence": {"cron": "0 9 * *"}}, "recurrence.cron", "five fields"),
        ({"recurrence": {"cron": "* * * * *"}}, "recurrence.cron", "every 15 minutes"),
        ({"recurrence": {"cron": "0 9 30 2 *"}}, "recurrence.cron", "has no run"),
        ({"timeZone": "Mars/Olympus"}, "timeZone", "must be a time zone"),
        ({"timeZone": "EST5"}, "timeZone", "must be a time zone"),
        ({"startsAt": ...}, "startsAt", "is required with an rrule"),
        ({"startsAt": "2026-01-04T09:00:00Z"}, "startsAt", "without an offset"),
        ({"startsAt": "2026-01-04T09:00:30"}, "startsAt", "to the minute"),
        ({"startsAt": "1926-01-04T09:00:00"}, "startsAt", "must lie between"),
        ({"startsAt": "9999-01-04T09:00:00"}, "startsAt", "must lie between"),
        *(
            (
                {
                    "startsAt": ...,
                    "timeZone": zone,
                    "recurrence": {"rrule": f"DTSTART:{start}\nRRULE:FREQ=WEEKLY;WKST=SU;BYDAY=SU"},
                },
                "recurrence.rrule",
                "must lie between",
            )
            for start in ("00010101T000000", "19991231T000000", "99991231T235900")
            for zone in ("Asia/Tokyo", "America/New_York", "Pacific/Kiritimati")
        ),
        ({"endsAt": "0001-01-01T00:00:00"}, "endsAt", "must not be before startsAt"),
        ({"endsAt": "2026-01-01T09:00:00"}, "endsAt", "must not be before startsAt"),
        ({"endsAt": "2026-02-01T09:00:00"}, "recurrence.rrule", "has no run between now and its end"),
        ({"missedRuns": {"policy": "later"}}, "missedRuns.policy", "must be one of"),
        ({"missedRuns": {"withinMinutes": 0}}, "missedRuns.withinMinutes", "must be at least 1"),
        ({"content": " "}, "content", "must not be blank"),
        ({"targetType": "contacts"}, "contactIds", "is required"),
        ({"targetType": "contacts", "contactIds": [str(uuid4())]}, "contactIds[0]", "is not a contact"),
        ({"sendAt": "2027-01-01T00:00:00Z"}, "sendAt", "is not a known field"),
    ],
)
def test_an_invalid_schedule_is_refused_with_its_field(
    client: FlaskClient, church: KnownChurch, database: Database, changes: dict[str, Any], field: str, expected: str
) -> None:
    answer = client.post(SCHEDULES, json=a_plan(church, **changes), headers=church.bearer)

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json"), answer.text
    found = {error["field"]: error["message"] for error in answer.get_json()["errors"]}
    assert expected in found[field]
    assert rows(database, "SELECT count(*) FROM schedules") == [(0,)]


def test_a_schedule_of_a_church_without_a_sender_is_refused(client: FlaskClient, database: Database) -> None:
    church = create_church(database, sender=None)

    answer = client.post(SCHEDULES, json=a_plan(church), headers=church.bearer)

    assert [error["field"] for error in answer.get_json()["errors"]] == ["channel"]
    assert rows(database, "SELECT count(*) FROM schedules") == [(0,)]


def test_a_repeated_request_creates_one_schedule(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    headers = church.bearer | {"Idempotency-Key": "easter"}

    first, again = (client.post(SCHEDULES, json=a_plan(church), headers=headers) for _ in range(2))
    other = client.post(SCHEDULES, json=a_plan(church, content="Other"), headers=headers)

    assert first.get_json()["id"] == again.get_json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert other.status_code == 409
    assert rows(database, "SELECT count(*) FROM schedules") == [(1,)]


def test_schedules_are_listed_newest_first_in_pages(client: FlaskClient, church: KnownChurch) -> None:
    made = [make(client, church)["id"] for _ in range(3)]

    first = client.get(f"{SCHEDULES}?limit=2", headers=church.bearer).get_json()
    rest = client.get(f"{SCHEDULES}?limit=2&cursor={first['next']}", headers=church.bearer).get_json()

    assert [item["id"] for item in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None


def test_a_change_applies_from_the_next_run_and_keeps_other_fields(client: FlaskClient, church: KnownChurch) -> None:
    made = make(client, church, urgent={"reason": "always"})

    answer = client.patch(
        made["links"]["self"],
        json={"recurrence": {"cron": "30 7 * * SAT"}, "content": "New words", "timeZone": "America/Denver"},
        headers=church.bearer,
    )

    changed = answer.get_json()
    assert answer.status_code == 200
    assert (changed["content"], changed["recurrence"]) == ("New words", {"rrule": None, "cron": "30 7 * * SAT"})
    local = datetime.fromisoformat(changed["nextRuns"][0]["localTime"])
    assert (local.weekday(), f"{local:%H:%M}") == (5, "07:30")
    assert changed["nextRunAt"] == changed["nextRuns"][0]["at"]
    assert (changed["startsAt"], changed["urgentReason"]) == (made["startsAt"], "always")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"content": ""}, "content"),
        ({"content": None}, "content"),
        ({"channel": "sms"}, "channel"),
        ({"recurrence": {"cron": "0 9 31 2 *"}}, "recurrence.cron"),
        ({"recurrence": None}, "recurrence"),
        ({"targetType": "contacts"}, "contactIds"),
        ({"phoneNumbers": ["+12025550123"]}, "targetType"),
        ({"targetType": "numbers", "phoneNumbers": ["12"]}, "phoneNumbers[0]"),
        ({"endsAt": "2025-01-01T00:00:00"}, "endsAt"),
        ({"timeZone": "Nowhere"}, "timeZone"),
        ({"startsAt": None}, "startsAt"),
    ],
)
def test_an_invalid_change_is_refused_with_its_field(
    client: FlaskClient, church: KnownChurch, change: dict[str, Any], field: str
) -> None:
    made = make(client, church)

    answer = client.patch(made["links"]["self"], json=change, headers=church.bearer)

    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.get_json()["errors"]]
    assert look(client, church, made) == made


def test_a_paused_schedule_shows_the_reason_and_a_resumed_one_runs_again(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    made = make(client, church)
    place = made["links"]["self"]

    paused = client.post(f"{place}/pause", json={"reason": "summer"}, headers=church.bearer).get_json()
    assert (paused["status"], paused["pausedReason"]) == ("paused", "summer")
    rows(database, "UPDATE schedules SET next_run_at = '2026-01-04T14:00Z', next_wall_time = '2026-01-04 09:00'")
    resumed = client.post(f"{place}/resume", headers=church.bearer).get_json()

    assert (resumed["status"], resumed["pausedReason"], resumed["nextRunAt"]) == ("active", None, made["nextRunAt"])
    runs = client.get(f"{place}/runs", headers=church.bearer).get_json()["items"]
    assert {run["outcome"] for run in runs} == {"skipped"}
    assert run_schedules(database) == 0


def test_a_run_that_was_due_before_a_change_has_the_old_content(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    """The clock process was late; the run is not lost although its rule is replaced."""
    now = datetime.now(UTC).replace(second=0, microsecond=0, tzinfo=None)
    made = make(client, church, recurrence={"rrule": "FREQ=DAILY"}, timeZone="UTC", startsAt="2026-01-04T09:00:00")
    rows(
        database,
        "UPDATE schedules SET rule = 'FREQ=DAILY', starts_at = %(now)s, next_wall_time = %(now)s, "
        "next_run_at = %(now)s::timestamp AT TIME ZONE 'UTC'",
        now=now,
    )

    client.patch(made["links"]["self"], json={"content": "New words"}, headers=church.bearer)

    [run] = client.get(f"{made['links']['self']}/runs", headers=church.bearer).get_json()["items"]
    assert (run["outcome"], run["ruleTime"]) == ("sent", now.isoformat())
    message = client.get(f"/api/messages/{run['messageId']}", headers=church.bearer).get_json()
    assert (message["content"], message["scheduleId"]) == ("Service at 10:30", made["id"])


def test_a_manual_run_creates_a_message_at_once_and_is_listed(
    client: FlaskClient, church: KnownChurch, enqueued: list[tuple[str, ...]], database: Database
) -> None:
    add_contacts(database, church.church_id, count=2)
    made = make(client, church)
    headers = church.bearer | {"Idempotency-Key": "now-1"}

    first, again = (client.post(f"{made['links']['self']}/run-now", headers=headers) for _ in range(2))

    returned = first.get_json()
    assert (first.status_code, returned["status"]) == (202, "accepted")
    assert again.get_json()["id"] == returned["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert enqueued == [("expand_messages", "sms")]
    [run] = client.get(f"{made['links']['self']}/runs", headers=church.bearer).get_json()["items"]
    assert (run["messageId"], run["outcome"], run["ruleTime"]) == (returned["id"], "sent", None)
    assert look(client, church, made)["nextRunAt"] == made["nextRunAt"]
    other = make(client, church)
    assert client.post(f"{other['links']['self']}/run-now", headers=headers).status_code == 409


def test_a_deleted_schedule_is_not_found_and_does_not_run(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    made = make(client, church)

    assert client.delete(made["links"]["self"], headers=church.bearer).status_code == 204

    assert client.get(made["links"]["self"], headers=church.bearer).status_code == 404
    assert client.get(SCHEDULES, headers=church.bearer).get_json()["items"] == []
    assert run_schedules(database, now=datetime.now(UTC) + timedelta(days=30)) == 0


def test_runs_are_listed_newest_first_in_pages(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    made = make(client, church, recurrence={"cron": "0 9 * * *"}, startsAt=...)
    run_schedules(database, now=datetime.now(UTC) + timedelta(days=10))
    runs: list[str] = []
    cursor = ""
    while cursor is not None:
        address = f"{made['links']['self']}/runs?limit=3{cursor and f'&cursor={cursor}'}"
        page = client.get(address, headers=church.bearer).get_json()
        runs += [run["runAt"] for run in page["items"]]
        cursor = page["next"]

    assert runs == sorted(runs, reverse=True)
    assert len(runs) == len(set(runs)) == 10


def test_a_read_only_key_cannot_create_a_schedule(client: FlaskClient, database: Database) -> None:
    reader = create_church(database, scopes=["messages:read"])

    assert client.post(SCHEDULES, json=a_plan(reader), headers=reader.bearer).status_code == 403
    assert client.get(SCHEDULES, headers=reader.bearer).status_code == 200
