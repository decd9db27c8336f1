"""Opt-outs and opt-ins by address: recorded with who, when and how, listed in pages, and never lost with a contact."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient

from messaging.submissions import Sender
from store import opt_outs
from store.database import Database, church_scope, system_scope
from store.opt_outs import SenderRefusal
from tests.harness.churches import KnownChurch, add_contacts
from tests.integration.store.ledger import Ledger, numbers

ANN, BEN = numbers(2)
EVIDENCE = {"how": "paper form", "at": "2026-01-04T10:40:00-05:00", "words": "Text me about services."}


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def ann(database: Database, church: KnownChurch) -> UUID:
    return add_contacts(database, church.church_id, count=1)[0]


def get(client: FlaskClient, church: KnownChurch, path: str, **query: object) -> Any:
    answer = client.get(path, headers=church.bearer, query_string={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def post(client: FlaskClient, church: KnownChurch, path: str, **body: Any) -> Any:
    answer = client.post(path, headers=church.bearer, json=body)
    assert answer.status_code == 200, answer.text
    return answer.get_json()["results"]


def addresses(page: Any) -> list[str]:
    return [item["address"] for item in page["items"]]


def is_texted(ledger: Ledger, church: KnownChurch, address: str) -> bool:
    ledger.send(church.church_id, [address])
    return [envelope.address for envelope in ledger.claim(church.church_id).envelopes] == [address]


def test_an_opt_out_stops_what_is_queued_and_an_opt_in_lifts_it(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    ledger.send(church.church_id, [ANN])

    [added] = post(client, church, "/api/opt-outs", address="(202) 555-0000", reason="By phone")
    assert (added["address"], added["source"], added["created"]) == (ANN, "api", True)
    assert ledger.claim(church.church_id).envelopes == []

    [lifted] = post(client, church, "/api/opt-ins", address=ANN, evidence=EVIDENCE)
    assert lifted == {"address": ANN, "lifted": "api", "mustTextStart": False}
    assert is_texted(ledger, church, ANN)


def test_a_repeated_opt_out_has_no_effect(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> None:
    first, again = (post(client, church, "/api/opt-outs", address=ANN) for _ in range(2))

    assert again == [first[0] | {"created": False}]
    assert ledger.query("SELECT count(*) FROM consent_events") == [(1,)]


def test_the_history_says_who_when_and_how(client: FlaskClient, church: KnownChurch, ann: UUID) -> None:
    post(client, church, "/api/opt-outs", contactId=str(ann), reason="By phone")
    post(client, church, "/api/opt-ins", contactId=str(ann), evidence=EVIDENCE)

    [found] = get(client, church, f"/api/contacts/{ann}/consent")["addresses"]

    assert (found["address"], found["optedOut"]) == (ANN, False)
    opt_in, opt_out = found["history"]
    assert (opt_in["event"], opt_in["evidence"]) == (
        "opt_in",
        "paper form; 2026-01-04T15:40:00Z; Text me about services.",
    )
    assert (opt_out["event"], opt_out["evidence"], opt_out["source"]) == ("opt_out", "By phone", "api")
    assert {opt_in["keyLabel"], opt_out["keyLabel"]} == {"test"}


def test_consent_is_recorded_although_nobody_opted_out(
    client: FlaskClient, church: KnownChurch, ann: UUID, ledger: Ledger
) -> None:
    [recorded] = post(client, church, "/api/opt-ins", contactId=str(ann), evidence=EVIDENCE)

    assert recorded["lifted"] is None
    [found] = get(client, church, f"/api/contacts/{ann}/consent")["addresses"]
    assert [event["event"] for event in found["history"]] == ["opt_in"]
    assert is_texted(ledger, church, ANN)


@pytest.mark.parametrize("of", ["church", "sender"])
def test_after_stop_the_person_must_text_start(
    of: str, client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    with system_scope(ledger.database) as connection:
        if of == "church":
            opt_outs.opt_out(connection, church_id=church.church_id, address=ANN, source=opt_outs.KEYWORD)
        else:
            sender = Sender(address="+15005550006", messaging_service_sid=None, details={})
            refusal = SenderRefusal(church_id=church.church_id, address=ANN, sender=sender)
            opt_outs.opt_out_of_senders(connection, [refusal], channel="sms")

    [lifted] = post(client, church, "/api/opt-ins", address=ANN, evidence=EVIDENCE)

    assert lifted["mustTextStart"]
    assert addresses(get(client, church, "/api/opt-outs")) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("add", id="the contact is added again"),
        pytest.param("delete", id="deleted and added again"),
        pytest.param("rename", id="renamed"),
    ],
)
def test_no_change_of_a_contact_loses_an_opt_out(
    change: str, client: FlaskClient, church: KnownChurch, ann: UUID, ledger: Ledger
) -> None:
    post(client, church, "/api/opt-outs", contactId=str(ann))
    if change == "delete":
        ledger.query("DELETE FROM contacts WHERE contact_id = %(id)s", id=ann)
    if change == "rename":
        ledger.query("UPDATE contacts SET name = 'Anna' WHERE contact_id = %(id)s", id=ann)
    else:
        people = {"contacts": [{"name": "Person 0", "phone": ANN}]}
        assert client.post("/api/contacts", json=people, headers=church.bearer).status_code == 200

    assert addresses(get(client, church, "/api/opt-outs")) == [ANN]
    assert not is_texted(ledger, church, ANN)


def test_both_addresses_of_a_contact_are_opted_out(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> None:
    [(contact_id,)] = ledger.query(
        "INSERT INTO contacts (church_id, name, phone, email) VALUES (%(id)s, 'Eve', %(phone)s, 'eve@example.org') "
        "RETURNING contact_id",
        id=church.church_id,
        phone=BEN,
    )

    post(client, church, "/api/opt-outs", contactId=str(contact_id))

    assert sorted(addresses(get(client, church, "/api/opt-outs", contact=contact_id))) == [BEN, "eve@example.org"]


def test_opt_outs_are_listed_in_pages_also_those_of_one_moment(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, ledger: Ledger
) -> None:
    for address in numbers(7):
        ledger.opt_out(church.church_id, address)
    ledger.opt_out(other_church.church_id, "+12025559999")
    ledger.query("UPDATE opt_outs SET opted_out_at = date_trunc('hour', now())")
    found: list[str] = []
    query: dict[str, object] = {"limit": 2}
    while True:
        page = get(client, church, "/api/opt-outs", **query)
        found += addresses(page)
        if page["next"] is None:
            break
        query["cursor"] = page["next"]

    assert sorted(found) == numbers(7)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"address": ANN}, [ANN]),
        ({"address": "(202) 555-0001"}, [BEN]),
        ({"source": "api"}, [ANN]),
        ({"source": "bounce"}, []),
        ({"address": BEN, "source": "api"}, []),
    ],
)
def test_they_are_filtered(
    query: dict[str, object], expected: list[str], client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    post(client, church, "/api/opt-outs", address=ANN)
    ledger.opt_out(church.church_id, BEN)

    assert addresses(get(client, church, "/api/opt-outs", **query)) == expected


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("opt-outs", {}, "body"),
        ("opt-outs", {"address": ANN, "contactId": "0197a3f0-6f2e-7b52-8a67-9d1c3e4f5a6b"}, "body"),
        ("opt-outs", {"address": "12"}, "address"),
        ("opt-outs", {"address": ANN, "reason": "a\0b"}, "reason"),
        ("opt-ins", {"address": ANN}, "evidence"),
        ("opt-ins", {"address": ANN, "evidence": {}}, "evidence.how"),
        ("opt-ins", {"address": ANN, "evidence": EVIDENCE | {"words": " "}}, "evidence.words"),
        ("opt-ins", {"address": ANN, "evidence": EVIDENCE | {"at": "2026-01-04T10:40:00"}}, "evidence.at"),
        ("opt-ins", {"address": ANN, "evidence": EVIDENCE | {"at": "2126-01-04T10:40:00Z"}}, "evidence.at"),
        ("opt-ins", {"address": ANN, "evidence": EVIDENCE | {"at": 5}}, "evidence.at"),
    ],
)
def test_what_is_not_valid_is_refused_and_changes_nothing(
    path: str, body: dict[str, Any], field: str, client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    answer = client.post(f"/api/{path}", json=body, headers=church.bearer)

    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.get_json()["errors"]]
    assert ledger.query("SELECT count(*) FROM consent_events") == [(0,)]


def test_an_absent_body_is_refused_as_an_empty_one(client: FlaskClient, church: KnownChurch) -> None:
    answer = client.post("/api/opt-outs", headers=church.bearer)

    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.get_json()["errors"]] == ["body"]


def test_a_church_cannot_change_its_history(church: KnownChurch, database: Database, client: FlaskClient) -> None:
    post(client, church, "/api/opt-outs", address=ANN)

    with church_scope(database, church.church_id) as connection:
        assert connection.execute("UPDATE consent_events SET evidence = 'other'").rowcount == 0
        assert connection.execute("DELETE FROM consent_events").rowcount == 0
    with pytest.raises(psycopg.errors.CheckViolation), system_scope(database) as connection:
        connection.execute(
            "INSERT INTO consent_events (church_id, address, event, source) VALUES (%s, 'x', 'opt_in', 'api')",
            (church.church_id,),
        )


def test_a_request_without_a_body_is_told_what_it_must_have(client: FlaskClient, church: KnownChurch) -> None:
    answer = client.post("/api/opt-outs", headers=church.bearer)

    assert answer.status_code == 422, answer.text
    assert "must have either address or contactId" in answer.text
