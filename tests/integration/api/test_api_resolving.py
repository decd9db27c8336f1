"""POST /api/messages/{id}/resolve and …/deliveries/{id}/resolve: a person decides deliveries in doubt."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from messaging.states import Status
from store.database import Database
from store.messages import Message
from tests.harness.churches import KnownChurch
from tests.integration.api.messages_in_progress import message_with
from tests.integration.store.ledger import Ledger


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def message(ledger: Ledger, church: KnownChurch) -> Message:
    """A completed message with one delivery, which is in doubt."""
    return message_with(ledger, church.church_id, {Status.UNKNOWN: 1})


def delivery_of(ledger: Ledger, message: Message) -> UUID:
    found = ledger.query("SELECT delivery_id FROM deliveries WHERE message_id = %(id)s", id=message.message_id)
    return found[0][0]


def resolve(client: FlaskClient, church: KnownChurch, message: UUID, delivery: UUID, body: object) -> TestResponse:
    path = f"/api/messages/{message}/deliveries/{delivery}/resolve"
    return client.post(path, json=body, headers=church.bearer)


@pytest.mark.parametrize(
    ("status", "message_status", "sent_again"),
    [("sent", "completed", 0), ("failed", "completed", 0), ("queued", "sending", 1)],
)
def test_a_delivery_in_doubt_gets_the_status_that_a_person_decides(
    client: FlaskClient,
    church: KnownChurch,
    ledger: Ledger,
    message: Message,
    enqueued: list[tuple[str, ...]],
    status: str,
    message_status: str,
    sent_again: int,
) -> None:
    delivery = delivery_of(ledger, message)

    answer = resolve(client, church, message.message_id, delivery, {"status": status})

    assert (answer.status_code, answer.data) == (204, b"")
    assert ledger.counts(message) == {Status(status): 1}
    assert ledger.get(delivery).reason == "decided by a person"
    shown = client.get(f"/api/messages/{message.message_id}", headers=church.bearer).get_json()
    assert shown["status"] == message_status
    assert enqueued.count(("submit_batch", str(church.church_id), "sms")) == sent_again
    assert len(ledger.claim(church.church_id).envelopes) == sent_again


def test_a_delivery_of_a_canceled_message_cannot_be_queued_again(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message: Message
) -> None:
    client.post(f"/api/messages/{message.message_id}/cancel", headers=church.bearer)

    answer = resolve(client, church, message.message_id, delivery_of(ledger, message), {"status": "queued"})

    assert (answer.status_code, ledger.counts(message)) == (409, {Status.UNKNOWN: 1})


@pytest.mark.parametrize("status", ["sent", "failed", "queued"])
def test_a_second_decision_is_a_conflict_and_changes_nothing(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message: Message, status: str
) -> None:
    delivery = delivery_of(ledger, message)
    resolve(client, church, message.message_id, delivery, {"status": status})
    before = ledger.get(delivery)

    for another in ("sent", "failed", "queued"):
        answer = resolve(client, church, message.message_id, delivery, {"status": another})
        assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")

    assert ledger.get(delivery) == before


@pytest.mark.parametrize("stands", [status for status in Status if status is not Status.UNKNOWN])
def test_a_delivery_that_is_not_in_doubt_cannot_be_resolved(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message: Message, stands: Status
) -> None:
    delivery = delivery_of(ledger, message)
    ledger.set_status(delivery, stands)

    assert resolve(client, church, message.message_id, delivery, {"status": "queued"}).status_code == 409

    assert ledger.counts(message) == {stands: 1}


@pytest.mark.parametrize("late", [Status.UNDELIVERED, Status.FAILED])
def test_a_late_failure_of_the_attempt_in_doubt_does_not_change_the_new_attempt(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message: Message, late: Status
) -> None:
    delivery = delivery_of(ledger, message)
    resolve(client, church, message.message_id, delivery, {"status": "queued"})
    ledger.receive(delivery, late)

    ledger.apply()

    assert ledger.get(delivery).status == "queued"


def test_a_delivery_is_found_only_under_its_own_message(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message: Message
) -> None:
    other = message_with(ledger, church.church_id, {Status.SENT: 1}, first=9)
    delivery = delivery_of(ledger, message)

    for message_id, delivery_id in [(other.message_id, delivery), (message.message_id, uuid4()), (uuid4(), delivery)]:
        assert resolve(client, church, message_id, delivery_id, {"status": "failed"}).status_code == 404

    assert ledger.counts(message) == {Status.UNKNOWN: 1}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status"),
        ({"status": "delivered"}, "status"),
        ({"status": "unknown"}, "status"),
        ({"status": None}, "status"),
        ({"status": "sent", "why": "I asked her"}, "why"),
    ],
)
def test_invalid_fields_of_a_resolution_are_reported(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message: Message, body: dict[str, Any], field: str
) -> None:
    answer = resolve(client, church, message.message_id, delivery_of(ledger, message), body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert ledger.counts(message) == {Status.UNKNOWN: 1}


# --- all at once ------------------------------------------------------------------------------------------------------


@pytest.fixture
def message_in_doubt(ledger: Ledger, church: KnownChurch) -> Message:
    """A message with three deliveries in doubt, for two reasons, and others that are not in doubt."""
    message = message_with(ledger, church.church_id, {Status.UNKNOWN: 3, Status.SENT: 1, Status.FAILED: 1}, first=20)
    ledger.query(
        "UPDATE deliveries SET reason = 'the worker went silent', updated_at = now() - interval '2 hours' "
        "WHERE delivery_id = (SELECT min(delivery_id::text)::uuid FROM deliveries WHERE status = 'unknown' "
        "AND message_id = %(id)s)",
        id=message.message_id,
    )
    return message


def resolve_all(client: FlaskClient, church: KnownChurch, message: Message, **body: Any) -> TestResponse:
    return client.post(f"/api/messages/{message.message_id}/resolve", json=body, headers=church.bearer)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, 3),
        ({"reasons": None}, 3),
        ({"reasons": ["the worker went silent"]}, 1),
        ({"reasons": ["no such"]}, 0),
        ({"unknownForMinutes": 60}, 1),
        ({"unknownForMinutes": 180}, 0),
        ({"reasons": ["the worker went silent"], "unknownForMinutes": 60}, 1),
    ],
)
@pytest.mark.parametrize("status", ["sent", "failed", "queued"])
def test_all_selected_deliveries_in_doubt_get_the_status_that_a_person_decides(
    client: FlaskClient,
    church: KnownChurch,
    ledger: Ledger,
    message_in_doubt: Message,
    enqueued: list[tuple[str, ...]],
    status: str,
    chosen: dict[str, Any],
    expected: int,
) -> None:
    answer = resolve_all(client, church, message_in_doubt, status=status, **chosen)

    assert answer.status_code == 200, answer.text
    assert answer.get_json()["resolved"] == expected
    counts = {Status.UNKNOWN: 3 - expected, Status.SENT: 1, Status.FAILED: 1}
    counts[Status(status)] = counts.get(Status(status), 0) + expected
    assert ledger.counts(message_in_doubt) == {each: count for each, count in counts.items() if count}
    shown = answer.get_json()["message"]
    assert shown["counts"]["audience"] == 5
    sent_again = expected if status == "queued" else 0
    assert shown["status"] == ("sending" if sent_again else "completed")
    assert enqueued.count(("submit_batch", str(church.church_id), "sms")) == (1 if sent_again else 0)
    assert len(ledger.claim(church.church_id).envelopes) == sent_again


def test_a_second_bulk_resolution_changes_nothing(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message_in_doubt: Message
) -> None:
    resolve_all(client, church, message_in_doubt, status="failed")

    assert resolve_all(client, church, message_in_doubt, status="queued").get_json()["resolved"] == 0
    assert ledger.counts(message_in_doubt) == {Status.SENT: 1, Status.FAILED: 4}


def test_deliveries_of_a_paused_message_that_are_queued_again_wait(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message_in_doubt: Message
) -> None:
    client.post(f"/api/messages/{message_in_doubt.message_id}/pause", headers=church.bearer)

    assert resolve_all(client, church, message_in_doubt, status="queued").get_json()["message"]["status"] == "paused"

    assert ledger.claim(church.church_id).taken == 0
    client.post(f"/api/messages/{message_in_doubt.message_id}/resume", headers=church.bearer)
    assert len(ledger.claim(church.church_id).envelopes) == 3


def test_deliveries_of_a_canceled_message_cannot_be_queued_again(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message_in_doubt: Message
) -> None:
    client.post(f"/api/messages/{message_in_doubt.message_id}/cancel", headers=church.bearer)

    assert resolve_all(client, church, message_in_doubt, status="queued").status_code == 409
    assert resolve_all(client, church, message_in_doubt, status="failed").get_json()["resolved"] == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status"),
        ({"status": "unknown"}, "status"),
        ({"status": "sent", "reasons": []}, "reasons"),
        ({"status": "sent", "reason": ["a"]}, "reason"),
        ({"status": "sent", "reasons": ["a\0b"]}, "reasons[0]"),
        ({"status": "sent", "unknownForMinutes": -1}, "unknownForMinutes"),
        ({"status": "sent", "unknownForMinutes": 10**9}, "unknownForMinutes"),
        ({"status": "sent", "unknownForMinutes": "1"}, "unknownForMinutes"),
        ({"status": "sent", "unknown_for_minutes": 1}, "unknown_for_minutes"),
    ],
)
def test_invalid_fields_of_a_bulk_resolution_are_reported(
    client: FlaskClient,
    church: KnownChurch,
    ledger: Ledger,
    message_in_doubt: Message,
    body: dict[str, Any],
    field: str,
) -> None:
    answer = resolve_all(client, church, message_in_doubt, **body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert ledger.counts(message_in_doubt)[Status.UNKNOWN] == 3
