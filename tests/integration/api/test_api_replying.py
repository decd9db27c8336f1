"""A reply is one text to one person: at once, once, at the right hour, and to nobody who opted out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from messaging.submissions import Sender
from store import church_limits, opt_outs
from store.database import Database, system_scope
from store.opt_outs import SenderRefusal
from tests.harness.churches import KnownChurch, add_contacts, create_church
from tests.harness.texting_hours import closed_now
from tests.integration.store.inbound_texts import receive
from tests.integration.store.ledger import Ledger, numbers

ANN, *OTHERS = numbers(20)
STRANGER = "+12025559999"


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def ann(database: Database, church: KnownChurch) -> UUID:
    return add_contacts(database, church.church_id, count=1)[0]


def reply(
    client: FlaskClient, church: KnownChurch, to: UUID, content: str = "See you!", *, key: str = "", **options: Any
) -> TestResponse:
    headers = church.bearer | ({"Idempotency-Key": key} if key else {})
    return client.post(f"/api/conversations/{to}/reply", json={"content": content, **options}, headers=headers)


def queued(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [
        (address, content, kind)
        for address, content, kind in ledger.query(
            "SELECT address, content, kind FROM deliveries JOIN messages USING (message_id) WHERE status = 'queued'"
        )
    ]


def test_a_reply_goes_out_before_a_broadcast_and_stands_in_the_conversation(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, ann: UUID, enqueued: list[tuple[str, ...]]
) -> None:
    ledger.send(church.church_id, OTHERS)
    receive(ledger, church.church_id, ANN, "When?")

    answer = reply(client, church, ann, "At ten.")

    assert answer.status_code == 202, answer.text
    accepted = answer.get_json()
    assert answer.headers["Location"] == f"/api/messages/{accepted['id']}"
    assert enqueued == [("submit_batch", str(church.church_id), "sms")]
    assert [envelope.address for envelope in ledger.claim(church.church_id, limit=1).envelopes] == [ANN]
    page = client.get(f"/api/conversations/{accepted['conversationId']}", headers=church.bearer).get_json()
    assert [(item["kind"], item["content"]) for item in page["items"]] == [("reply", "At ten."), ("inbound", "When?")]
    [listed] = client.get("/api/conversations", headers=church.bearer).get_json()["items"]
    assert (listed["last"]["direction"], listed["last"]["content"], listed["unread"]) == ("out", "At ten.", 1)


def test_a_church_with_a_pace_is_served_by_the_job_of_all_paced_churches(
    client: FlaskClient, database: Database, enqueued: list[tuple[str, ...]]
) -> None:
    church = create_church(database, segments_per_second=1)
    [contact] = add_contacts(database, church.church_id, count=1)

    assert reply(client, church, contact).status_code == 202

    assert enqueued == [("submit_paced_batch", "sms")]


def test_a_stranger_is_answered_by_the_message_they_wrote(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    inbound = receive(ledger, church.church_id, STRANGER)

    answer = client.post(f"/api/inbound/{inbound}/reply", json={"content": "Welcome!"}, headers=church.bearer)

    assert answer.status_code == 202, answer.text
    assert queued(ledger) == [(STRANGER, "Welcome!", "reply")]


def test_a_repeated_request_sends_one_text(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, ann: UUID, enqueued: list[tuple[str, ...]]
) -> None:
    first, again = (reply(client, church, ann, key="answer-1") for _ in range(2))

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json() == again.get_json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(queued(ledger)) == len(enqueued) == 1
    assert reply(client, church, ann, "Another text", key="answer-1").status_code == 409


def test_a_key_of_a_message_to_another_person_is_refused(
    client: FlaskClient, database: Database, church: KnownChurch
) -> None:
    ann, ben = add_contacts(database, church.church_id, count=2)
    reply(client, church, ann, key="answer-1")

    answer = reply(client, church, ben, key="answer-1")

    assert (answer.status_code, answer.get_json()["type"]) == (409, "/docs#problem-idempotency-key-reused")


def test_a_key_of_a_broadcast_is_refused(client: FlaskClient, church: KnownChurch, ann: UUID) -> None:
    body = {"churchId": str(church.church_id), "content": "See you!", "targetType": "all"}
    client.post("/api/messages/send", json=body, headers=church.bearer | {"Idempotency-Key": "one"})

    assert reply(client, church, ann, key="one").status_code == 409


@pytest.mark.parametrize(
    ("wrote", "waits"),
    [
        pytest.param(timedelta(hours=23), False, id="wrote within a day"),
        pytest.param(timedelta(hours=25), True, id="wrote before"),
        pytest.param(None, True, id="never wrote"),
    ],
)
def test_only_an_answer_is_sent_in_quiet_hours(
    wrote: timedelta | None, waits: bool, client: FlaskClient, database: Database, ledger: Ledger
) -> None:
    church = create_church(database, window=closed_now().window)
    ledger.query("UPDATE churches SET time_zone = 'UTC' WHERE church_id = %(id)s", id=church.church_id)
    [contact] = add_contacts(database, church.church_id, count=1)
    ledger.query("UPDATE contacts SET time_zone = 'UTC'")
    if wrote is not None:
        receive(ledger, church.church_id, ANN, ago=wrote)

    answer = reply(client, church, contact)

    assert answer.get_json()["keepsQuietHours"] is waits
    claimed = [envelope.address for envelope in ledger.claim(church.church_id).envelopes]
    assert claimed == ([] if waits else [ANN])


def test_a_person_who_opted_out_is_not_answered(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, ann: UUID
) -> None:
    receive(ledger, church.church_id, ANN)
    ledger.opt_out(church.church_id, ANN)

    answer = reply(client, church, ann)

    assert (answer.status_code, answer.get_json()["type"]) == (409, "/docs#problem-recipient-opted-out")
    assert queued(ledger) == []
    assert ledger.query("SELECT count(*) FROM messages") == [(0,)]


def refuse(database: Database, church: KnownChurch, *, sender: str) -> None:
    """The carrier refuses to send to ANN from this number."""
    refusal = SenderRefusal(
        church_id=church.church_id, address=ANN, sender=Sender(address=sender, messaging_service_sid=None)
    )
    with system_scope(database) as connection:
        opt_outs.opt_out_of_senders(connection, [refusal], channel="sms")


def test_a_person_whom_the_carrier_refuses_for_the_present_sender_is_not_answered(
    client: FlaskClient, church: KnownChurch, database: Database, ledger: Ledger, ann: UUID
) -> None:
    receive(ledger, church.church_id, ANN)
    refuse(database, church, sender="+15005550006")

    answer = reply(client, church, ann)
    shown = client.get(f"/api/conversations/{ann}", headers=church.bearer).get_json()
    [listed] = client.get("/api/conversations", headers=church.bearer).get_json()["items"]

    assert (answer.status_code, answer.get_json()["type"]) == (409, "/docs#problem-recipient-opted-out")
    assert "carrier refuses" in answer.get_json()["detail"]
    assert ledger.query("SELECT count(*) FROM messages") == [(0,)]
    assert shown["optedOutAt"] == listed["optedOutAt"] is not None


def test_a_person_whom_the_carrier_refuses_for_a_former_sender_is_answered(
    client: FlaskClient, church: KnownChurch, database: Database, ledger: Ledger, ann: UUID
) -> None:
    receive(ledger, church.church_id, ANN)
    refuse(database, church, sender="+15005550199")

    assert reply(client, church, ann).status_code == 202
    assert client.get(f"/api/conversations/{ann}", headers=church.bearer).get_json()["optedOutAt"] is None


def test_a_repeated_request_is_answered_as_before_although_the_person_opted_out_meanwhile(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, ann: UUID
) -> None:
    first = reply(client, church, ann, key="answer-1")
    ledger.opt_out(church.church_id, ANN)

    assert reply(client, church, ann, key="answer-1").get_json() == first.get_json()


@pytest.mark.parametrize("number", ["+447400123456", "+19005550000", "54321"])
def test_a_number_that_the_church_may_not_text_is_not_answered(
    number: str, client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    inbound = receive(ledger, church.church_id, number)

    answer = client.post(f"/api/inbound/{inbound}/reply", json={"content": "Hello"}, headers=church.bearer)

    assert answer.status_code == 409
    assert ledger.query("SELECT count(*) FROM messages") == [(0,)]


def test_a_reply_beyond_the_daily_limit_is_refused(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, ann: UUID
) -> None:
    with system_scope(ledger.database) as connection:
        church_limits.set_daily_limit(connection, church_id=church.church_id, daily_limit=0)

    answer = reply(client, church, ann)

    assert (answer.status_code, answer.get_json()["type"]) == (429, "/docs#problem-daily-limit-reached")
    assert queued(ledger) == []


@pytest.mark.parametrize("content", ["", " ", "x" * 1601, "a\0b", "\ud800"])
def test_the_text_is_checked_as_that_of_a_send(
    content: str, client: FlaskClient, church: KnownChurch, ledger: Ledger, ann: UUID
) -> None:
    answer = reply(client, church, ann, content)

    assert answer.status_code in (400, 422), answer.text
    assert queued(ledger) == []


@pytest.mark.parametrize("content", ["Of course, {{firstName}}!", r"\{{", "{{"])
def test_a_reply_with_a_merge_field_is_refused_because_the_person_would_get_the_braces(
    content: str, client: FlaskClient, church: KnownChurch, ledger: Ledger, ann: UUID
) -> None:
    answer = reply(client, church, ann, content)

    assert answer.status_code == 422
    [error] = answer.get_json()["errors"]
    assert error["field"] == "content"
    assert "merge fields are not replaced in a text to one person" in error["message"]
    assert queued(ledger) == []


def test_a_reply_is_not_in_the_list_of_messages_and_can_be_read_by_its_id(
    client: FlaskClient, church: KnownChurch, ann: UUID
) -> None:
    sent = reply(client, church, ann).get_json()

    assert client.get("/api/messages", headers=church.bearer).get_json()["items"] == []
    answer = client.get(f"/api/messages/{sent['id']}", headers=church.bearer)
    assert (answer.status_code, answer.get_json()["counts"]["audience"]) == (200, 1)


def test_unknown_fields_are_refused(client: FlaskClient, church: KnownChurch, ann: UUID) -> None:
    answer = reply(client, church, ann, sendAt="2026-12-24T17:00:00Z")

    assert [error["field"] for error in answer.get_json()["errors"]] == ["sendAt"]


def test_a_church_without_a_sender_is_told(client: FlaskClient, database: Database) -> None:
    church = create_church(database, sender=None)
    [contact] = add_contacts(database, church.church_id, count=1)

    answer = reply(client, church, contact)

    assert answer.status_code == 409
    assert "no sender for sms" in answer.get_json()["detail"]


def test_a_number_that_is_no_longer_kept_cannot_be_answered(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    inbound = receive(ledger, church.church_id, STRANGER)
    ledger.query("UPDATE inbound_messages SET from_address = '', content = '', redacted_at = now()")

    answer = client.post(f"/api/inbound/{inbound}/reply", json={"content": "Hello"}, headers=church.bearer)

    assert (answer.status_code, queued(ledger)) == (409, [])
