"""GET /api/messages, one message, and its deliveries."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from messaging.addresses import AddressKind
from messaging.states import Status
from store import claims, deliveries, message_expansion
from store.claims import ClaimTerms
from store.database import Database, church_scope
from store.deliveries import DeliveryUpdate
from tests.harness.churches import KnownChurch, add_contacts


def send(client: FlaskClient, church: KnownChurch, content: str = "Grace") -> str:
    body = {"churchId": str(church.church_id), "content": content, "targetType": "all"}
    return client.post("/api/messages/send", json=body, headers=church.bearer).get_json()["id"]


def expand(database: Database, church: KnownChurch, message_id: str) -> None:
    with church_scope(database, church.church_id) as connection:
        message_expansion.expand(
            connection,
            message_ids=[UUID(message_id)],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=True,
        )


def fail_one(database: Database, church: KnownChurch) -> None:
    with church_scope(database, church.church_id) as connection:
        terms = ClaimTerms(channel="sms", limit=1, lease_seconds=60, keeps_quiet_hours=True, age_limit_seconds=3600)
        claim = claims.claim_for_church(connection, church.church_id, terms)
        envelope = claim.envelopes[0]
        failed = DeliveryUpdate(
            delivery_id=envelope.delivery_id,
            attempt=envelope.attempt,
            status=Status.FAILED,
            error_code="21211",
            reason="not a phone number the carrier knows",
        )
        deliveries.record(connection, [failed])


def test_messages_are_listed_newest_first_in_pages(client: FlaskClient, church: KnownChurch) -> None:
    sent = [send(client, church, f"Message {n}") for n in range(5)]
    found: list[str] = []
    cursor = ""
    pages = 0
    while cursor is not None:
        address = f"/api/messages?limit=2{cursor and f'&cursor={cursor}'}"
        page = client.get(address, headers=church.bearer).get_json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
        pages += 1

    assert found == sent[::-1]
    assert pages == 3


def test_a_full_last_page_has_no_next_page(client: FlaskClient, church: KnownChurch) -> None:
    for _ in range(2):
        send(client, church)

    assert client.get("/api/messages?limit=2", headers=church.bearer).get_json()["next"] is None


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["limit"]),
        ("limit=201", ["limit"]),
        ("limit=ten", ["limit"]),
        ("limit=1.0", ["limit"]),
        ("cursor=", ["cursor"]),
        ("cursor=x", ["cursor"]),
        ("cursor=%00", ["cursor"]),
        ("cursor=AaIFw5FPfSW5khPB8Ouqyh", ["cursor"]),
        ("limit=x&cursor=y&page=2", ["limit", "cursor", "page"]),
        ("limit=1&limit=2", ["limit"]),
    ],
)
def test_invalid_query_parameters_are_reported(
    client: FlaskClient, church: KnownChurch, query: str, fields: list[str]
) -> None:
    answer = client.get(f"/api/messages?{query}", headers=church.bearer)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == fields


def test_counts_add_up_to_the_audience(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    add_contacts(database, church.church_id, count=3)
    message_id = send(client, church)
    expand(database, church, message_id)
    fail_one(database, church)

    message = client.get(f"/api/messages/{message_id}", headers=church.bearer).get_json()

    counts = message["counts"]
    assert message["status"] == "sending"
    assert (counts["audience"], counts["queued"], counts["failed"]) == (3, 2, 1)
    assert counts["audience"] == sum(number for status, number in counts.items() if status != "audience")
    assert set(counts) == {"audience", *Status}


def test_deliveries_are_listed_in_pages_and_by_status(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=3)
    message_id = send(client, church)
    expand(database, church, message_id)
    fail_one(database, church)
    address = f"/api/messages/{message_id}/deliveries"

    first = client.get(f"{address}?limit=2", headers=church.bearer).get_json()
    rest = client.get(f"{address}?limit=2&cursor={first['next']}", headers=church.bearer).get_json()
    failed = client.get(f"{address}?status=failed,undelivered", headers=church.bearer).get_json()["items"]

    assert len({item["id"] for item in first["items"] + rest["items"]}) == 3
    assert rest["next"] is None
    assert [(item["status"], item["errorCode"], item["attempts"]) for item in failed] == [("failed", "21211", 1)]


@pytest.mark.parametrize("status", ["", "lost", "failed,", "failed,lost"])
def test_an_unknown_status_is_reported(client: FlaskClient, church: KnownChurch, status: str) -> None:
    answer = client.get(f"/api/messages/{send(client, church)}/deliveries?status={status}", headers=church.bearer)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["status"]


@pytest.mark.parametrize("place", ["", "/deliveries"])
def test_an_unknown_message_answers_404(client: FlaskClient, church: KnownChurch, place: str) -> None:
    for message_id in (uuid4(), "not-a-uuid"):
        answer = client.get(f"/api/messages/{message_id}{place}", headers=church.bearer)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
