"""A church sends no more segments in a day than its limit, however its messages are created."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from messaging.addresses import AddressKind
from messaging.states import Status
from store import church_limits, message_expansion, messages
from store.database import Database, system_scope
from store.deliveries import DeliveryUpdate
from store.message_expansion import Expansion
from store.messages import Message
from tests.harness.churches import KnownChurch, add_contacts
from tests.integration.store.ledger import Ledger, numbers, together

SEND = "/api/messages/send"
REFUSED = "/docs#problem-daily-limit-reached"
LIMIT = 10
NOON_ZONE = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"
"""Where it is about noon, so that no test sees two days."""


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def church(database: Database, church: KnownChurch) -> KnownChurch:
    """A church that may send ten segments a day."""
    set_limit(database, church, LIMIT)
    with system_scope(database) as connection:
        connection.execute("UPDATE churches SET time_zone = %s", (NOON_ZONE,))
    return church


def set_limit(database: Database, church: KnownChurch, limit: int | None) -> None:
    with system_scope(database) as connection:
        church_limits.set_daily_limit(connection, church_id=church.church_id, daily_limit=limit)


def a_message(church: KnownChurch, count: int = 1, **changes: Any) -> dict[str, Any]:
    """A message to `count` numbers."""
    body = {"churchId": str(church.church_id), "content": "Come", "targetType": "numbers"}
    return body | {"phoneNumbers": numbers(count)} | changes


def send(client: FlaskClient, church: KnownChurch, count: int = 1, **changes: Any) -> TestResponse:
    return client.post(SEND, json=a_message(church, count, **changes), headers=church.bearer)


def counted(ledger: Ledger) -> list[int]:
    """Segments of each day, the earliest first."""
    return [segments for (segments,) in ledger.query("SELECT segments FROM daily_segments ORDER BY day")]


def assert_refused(answer: TestResponse) -> str:
    assert (answer.status_code, answer.get_json()["type"]) == (429, REFUSED), answer.text
    return answer.get_json()["detail"]


def stored(ledger: Ledger) -> int:
    return ledger.query("SELECT count(*) FROM messages")[0][0]


# --- sending ----------------------------------------------------------------------------------------------------------


def test_a_message_beyond_the_limit_is_refused_and_nothing_is_stored(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    assert send(client, church, 7).status_code == 202

    detail = assert_refused(send(client, church, 4))

    assert detail.startswith("This needs 4 segments; 3 of the church's 10 are left on ")
    assert NOON_ZONE in detail
    assert (stored(ledger), counted(ledger)) == (1, [7])
    assert send(client, church, 3).status_code == 202


def test_segments_are_counted_and_not_recipients(client: FlaskClient, church: KnownChurch) -> None:
    assert_refused(send(client, church, 4, content="x" * 400))  # three segments each
    assert send(client, church, 3, content="x" * 400).status_code == 202


def test_everyone_in_the_church_is_counted_once_for_each_phone(
    client: FlaskClient, church: KnownChurch, database: Database, ledger: Ledger
) -> None:
    ids = add_contacts(database, church.church_id, count=LIMIT)
    ledger.query(
        "INSERT INTO contacts (church_id, name, phone) SELECT church_id, 'Twin of ' || name, phone FROM contacts"
    )

    everyone = send(client, church, targetType="all", phoneNumbers=None)
    assert everyone.status_code == 202, everyone.text
    assert counted(ledger) == [LIMIT]
    some = send(client, church, targetType="contacts", phoneNumbers=None, contactIds=[str(ids[0])])
    assert_refused(some)


def test_a_repeated_request_is_counted_once(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> None:
    headers = {**church.bearer, "Idempotency-Key": "once"}

    answers = [client.post(SEND, json=a_message(church, 8), headers=headers) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert counted(ledger) == [8]


def test_concurrent_requests_are_accepted_only_up_to_the_limit(app: Flask, church: KnownChurch, ledger: Ledger) -> None:
    answers = together(6, lambda _: send(app.test_client(), church, 3).status_code)

    assert sorted(answers) == [202, 202, 202, 429, 429, 429]
    assert counted(ledger) == [9]


def test_each_day_of_the_churchs_time_zone_has_its_own_limit(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()

    assert send(client, church, LIMIT).status_code == 202
    assert send(client, church, LIMIT, sendAt=later).status_code == 202
    assert_refused(send(client, church, 1, sendAt=later))
    assert counted(ledger) == [LIMIT, LIMIT]


def test_a_church_without_its_own_limit_has_the_default(
    client: FlaskClient, church: KnownChurch, database: Database, ledger: Ledger
) -> None:
    set_limit(database, church, None)

    assert send(client, church, LIMIT + 1).status_code == 202
    ledger.query("UPDATE daily_segments SET segments = 150000")
    assert "of the church's 150,000" in assert_refused(send(client, church, 1))


# --- changing, canceling, sending again -------------------------------------------------------------------------------


@pytest.fixture
def waiting(client: FlaskClient, church: KnownChurch) -> str:
    """The path of a message to four numbers that is sent in three days."""
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    return send(client, church, 4, sendAt=later).headers["Location"]


def test_a_change_beyond_the_limit_is_refused(
    client: FlaskClient, church: KnownChurch, waiting: str, ledger: Ledger
) -> None:
    larger = {"targetType": "numbers", "phoneNumbers": numbers(LIMIT + 1)}

    assert_refused(client.patch(waiting, json=larger, headers=church.bearer))
    assert counted(ledger) == [4]

    fits = {"targetType": "numbers", "phoneNumbers": numbers(LIMIT)}
    assert client.patch(waiting, json=fits, headers=church.bearer).status_code == 200
    assert counted(ledger) == [LIMIT]


def test_a_change_to_another_day_is_counted_on_that_day(
    client: FlaskClient, church: KnownChurch, waiting: str, ledger: Ledger
) -> None:
    send(client, church, 7)
    assert_refused(client.patch(waiting, json={"sendAt": None}, headers=church.bearer))
    assert counted(ledger) == [7, 4]

    smaller = {"sendAt": None, "targetType": "numbers", "phoneNumbers": numbers(3)}
    assert client.patch(waiting, json=smaller, headers=church.bearer).status_code == 200
    assert counted(ledger) == [10, 0]


def test_the_content_can_be_changed_after_the_limit_was_lowered(
    client: FlaskClient, church: KnownChurch, waiting: str, database: Database, ledger: Ledger
) -> None:
    set_limit(database, church, 1)

    assert client.patch(waiting, json={"content": "Come!"}, headers=church.bearer).status_code == 200
    assert counted(ledger) == [4]
    assert_refused(client.patch(waiting, json={"content": "x" * 200}, headers=church.bearer))


def test_the_segments_of_a_message_canceled_before_it_began_are_released(
    client: FlaskClient, church: KnownChurch, waiting: str, ledger: Ledger
) -> None:
    for _ in range(2):
        assert client.post(f"{waiting}/cancel", headers=church.bearer).status_code == 200
        assert counted(ledger) == [0]


def expand(ledger: Ledger, answer: TestResponse) -> Expansion:
    message_id = UUID(answer.get_json()["id"])
    with system_scope(ledger.database) as connection:
        return message_expansion.expand(
            connection,
            message_ids=[message_id],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=True,
            segment_weight=1,
            default_limit=150_000,
        )[message_id]


def test_the_unsubmitted_segments_of_a_canceled_message_are_released(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    made = send(client, church, 8)
    expand(ledger, made)
    ledger.claim(church.church_id, limit=3)

    client.post(f"{made.headers['Location']}/cancel", headers=church.bearer)

    assert counted(ledger) == [3]


def made_message(ledger: Ledger, church: KnownChurch) -> Message:
    with system_scope(ledger.database) as connection:
        [message] = messages.page(connection, church_id=church.church_id, before=None, limit=10)
    return message


@pytest.fixture
def failed(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> Iterator[str]:
    """The path of a message whose six deliveries all failed."""
    made = send(client, church, 6)
    expand(ledger, made)
    ledger.record(
        [
            DeliveryUpdate(delivery_id=envelope.delivery_id, attempt=1, status=Status.FAILED, reason="away")
            for envelope in ledger.claim(church.church_id).envelopes
        ]
    )
    yield made.headers["Location"]


def test_a_retry_of_failed_deliveries_is_counted_and_refused_beyond_the_limit(
    client: FlaskClient, church: KnownChurch, failed: str, database: Database, ledger: Ledger
) -> None:
    assert_refused(client.post(f"{failed}/retry-failed", json={}, headers=church.bearer))
    assert ledger.query("SELECT DISTINCT status FROM deliveries") == [("failed",)]

    set_limit(database, church, 12)
    assert client.post(f"{failed}/retry-failed", json={}, headers=church.bearer).status_code == 200
    assert counted(ledger) == [12]


def test_deliveries_that_failed_because_of_the_limit_are_sent_after_it_is_raised(
    client: FlaskClient, church: KnownChurch, database: Database, ledger: Ledger
) -> None:
    made = send(client, church, 6)
    set_limit(database, church, 4)
    assert expand(ledger, made).beyond_limit == 2
    path = made.headers["Location"]
    assert client.get(path, headers=church.bearer).get_json()["counts"]["failed"] == 2
    again = {"reasons": ["daily limit"]}
    assert_refused(client.post(f"{path}/retry-failed", json=again, headers=church.bearer))

    set_limit(database, church, 6)

    answer = client.post(f"{path}/retry-failed", json=again, headers=church.bearer)
    assert answer.get_json()["retried"] == 2
    assert ledger.counts(made_message(ledger, church)) == {Status.QUEUED: 6}
    assert counted(ledger) == [6]


def test_the_segments_of_a_retried_delivery_are_not_released(
    client: FlaskClient, church: KnownChurch, failed: str, database: Database, ledger: Ledger
) -> None:
    """It may be counted on two days, of which only one is stored. Sending too little is better than too much."""
    set_limit(database, church, 12)
    client.post(f"{failed}/retry-failed", json={}, headers=church.bearer)

    assert client.post(f"{failed}/cancel", headers=church.bearer).status_code == 200

    assert counted(ledger) == [12]


def test_a_delivery_in_doubt_that_is_queued_again_is_counted(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    made = send(client, church, LIMIT)
    expand(ledger, made)
    [(delivery,)] = ledger.query("SELECT delivery_id FROM deliveries LIMIT 1")
    ledger.set_status(delivery, Status.UNKNOWN)
    path = f"{made.headers['Location']}/deliveries/{delivery}/resolve"

    assert_refused(client.post(path, json={"status": "queued"}, headers=church.bearer))
    assert ledger.get(delivery).status == Status.UNKNOWN

    assert client.post(path, json={"status": "failed"}, headers=church.bearer).status_code == 204


# --- schedules --------------------------------------------------------------------------------------------------------

WEEKLY = {"recurrence": {"cron": "0 9 * * SUN"}}


@pytest.fixture
def schedule(client: FlaskClient, church: KnownChurch) -> str:
    made = client.post("/api/schedules", json=a_message(church, 6, **WEEKLY), headers=church.bearer)
    return made.headers["Location"]


@pytest.mark.parametrize("too_many", [LIMIT + 1, 1_000])
def test_a_schedule_is_refused_when_one_run_is_beyond_the_limit(
    client: FlaskClient, church: KnownChurch, schedule: str, too_many: int, ledger: Ledger
) -> None:
    assert_refused(client.post("/api/schedules", json=a_message(church, too_many, **WEEKLY), headers=church.bearer))
    larger = {"targetType": "numbers", "phoneNumbers": numbers(too_many)}
    assert_refused(client.patch(schedule, json=larger, headers=church.bearer))
    assert ledger.query("SELECT count(*) FROM schedules") == [(1,)]


def test_a_manual_run_of_a_schedule_is_counted(
    client: FlaskClient, church: KnownChurch, schedule: str, ledger: Ledger
) -> None:
    run: Callable[[], TestResponse] = lambda: client.post(f"{schedule}/run-now", headers=church.bearer)  # noqa: E731

    assert run().status_code == 202
    assert counted(ledger) == [6]
    assert_refused(run())
    assert ledger.query("SELECT count(*) FROM schedule_runs") == [(1,)]
