"""POST /api/messages/{id}/deliveries/{id}/resolve: a person's word ends a doubt, and nothing but a doubt."""

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
    """A completed one with one delivery, in doubt."""
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
def test_a_doubt_ends_as_the_person_says(
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
    assert ledger.stands(delivery).reason == "decided by a person"
    shown = client.get(f"/api/messages/{message.message_id}", headers=church.bearer).get_json()
    assert shown["status"] == message_status
    assert enqueued.count(("submit_batch", str(church.church_id), "sms")) == sent_again
    assert len(ledger.claim(church.church_id).envelopes) == sent_again


def test_one_delivery_of_a_canceled_message_is_not_sent_again_either(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message: Message
) -> None:
    client.post(f"/api/messages/{message.message_id}/cancel", headers=church.bearer)

    answer = resolve(client, church, message.message_id, delivery_of(ledger, message), {"status": "queued"})

    assert (answer.status_code, ledger.counts(message)) == (409, {Status.UNKNOWN: 1})


@pytest.mark.parametrize("status", ["sent", "failed", "queued"])
def test_a_second_word_is_a_conflict_and_changes_nothing(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message: Message, status: str
) -> None:
    delivery = delivery_of(ledger, message)
    resolve(client, church, message.message_id, delivery, {"status": status})
    stood = ledger.stands(delivery)

    for another in ("sent", "failed", "queued"):
        answer = resolve(client, church, message.message_id, delivery, {"status": another})
        assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")

    assert ledger.stands(delivery) == stood


@pytest.mark.parametrize("stands", [status for status in Status if status is not Status.UNKNOWN])
def test_what_is_in_no_doubt_cannot_be_decided(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message: Message, stands: Status
) -> None:
    delivery = delivery_of(ledger, message)
    ledger.put(delivery, stands)

    assert resolve(client, church, message.message_id, delivery, {"status": "queued"}).status_code == 409

    assert ledger.counts(message) == {stands: 1}


@pytest.mark.parametrize("late", [Status.UNDELIVERED, Status.FAILED])
def test_a_late_failure_of_the_doubtful_attempt_does_not_touch_the_new_one(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message: Message, late: Status
) -> None:
    delivery = delivery_of(ledger, message)
    resolve(client, church, message.message_id, delivery, {"status": "queued"})
    ledger.receive(delivery, late)

    ledger.apply()

    assert ledger.stands(delivery).status == "queued"


def test_a_delivery_is_found_under_its_own_message_only(
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
def test_wrong_fields_of_one_are_named(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, message: Message, body: dict[str, Any], field: str
) -> None:
    answer = resolve(client, church, message.message_id, delivery_of(ledger, message), body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert ledger.counts(message) == {Status.UNKNOWN: 1}


# --- all at once ------------------------------------------------------------------------------------------------------


@pytest.fixture
def doubtful(ledger: Ledger, church: KnownChurch) -> Message:
    """Three in doubt, for two reasons, beside others that are not."""
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
def test_all_that_is_in_doubt_ends_as_the_person_says(
    client: FlaskClient,
    church: KnownChurch,
    ledger: Ledger,
    doubtful: Message,
    enqueued: list[tuple[str, ...]],
    status: str,
    chosen: dict[str, Any],
    expected: int,
) -> None:
    answer = resolve_all(client, church, doubtful, status=status, **chosen)

    assert answer.status_code == 200, answer.text
    assert answer.get_json()["resolved"] == expected
    counts = {Status.UNKNOWN: 3 - expected, Status.SENT: 1, Status.FAILED: 1}
    counts[Status(status)] = counts.get(Status(status), 0) + expected
    assert ledger.counts(doubtful) == {stands: count for stands, count in counts.items() if count}
    shown = answer.get_json()["message"]
    assert shown["counts"]["audience"] == 5
    sent_again = expected if status == "queued" else 0
    assert shown["status"] == ("sending" if sent_again else "completed")
    assert enqueued.count(("submit_batch", str(church.church_id), "sms")) == (1 if sent_again else 0)
    assert len(ledger.claim(church.church_id).envelopes) == sent_again


def test_deciding_all_again_changes_nothing(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, doubtful: Message
) -> None:
    resolve_all(client, church, doubtful, status="failed")

    assert resolve_all(client, church, doubtful, status="queued").get_json()["resolved"] == 0
    assert ledger.counts(doubtful) == {Status.SENT: 1, Status.FAILED: 4}


def test_what_a_paused_message_has_in_doubt_waits_with_the_rest(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, doubtful: Message
) -> None:
    client.post(f"/api/messages/{doubtful.message_id}/pause", headers=church.bearer)

    assert resolve_all(client, church, doubtful, status="queued").get_json()["message"]["status"] == "paused"

    assert ledger.claim(church.church_id).taken == 0
    client.post(f"/api/messages/{doubtful.message_id}/resume", headers=church.bearer)
    assert len(ledger.claim(church.church_id).envelopes) == 3


def test_nothing_of_a_canceled_message_is_sent_again(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, doubtful: Message
) -> None:
    client.post(f"/api/messages/{doubtful.message_id}/cancel", headers=church.bearer)

    assert resolve_all(client, church, doubtful, status="queued").status_code == 409
    assert resolve_all(client, church, doubtful, status="failed").get_json()["resolved"] == 3


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
def test_wrong_fields_of_all_are_named(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, doubtful: Message, body: dict[str, Any], field: str
) -> None:
    answer = resolve_all(client, church, doubtful, **body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert ledger.counts(doubtful)[Status.UNKNOWN] == 3
