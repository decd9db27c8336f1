"""POST /api/people/export and /erase: one person's data is shown completely, and removed except for the opt-outs."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from psycopg.types.json import Jsonb

from messaging.states import Status
from store import contacts, opt_outs
from store.contacts import Person
from store.database import Database, church_scope, system_scope
from tests.harness.churches import KnownChurch, another_key
from tests.integration.store.inbound_texts import receive
from tests.integration.store.ledger import Ledger, sent

RUTH, RUTHS_MAIL, AMOS = "+12025550123", "ruth@example.org", "+12025550124"
_EVERY_ROW = """
SELECT contacts::text FROM contacts
UNION ALL SELECT messages::text FROM messages
UNION ALL SELECT deliveries::text FROM deliveries
UNION ALL SELECT receipts::text FROM receipts
UNION ALL SELECT schedules::text FROM schedules
UNION ALL SELECT inbound_messages::text FROM inbound_messages
UNION ALL SELECT conversations::text FROM conversations
UNION ALL SELECT audit_events::text FROM audit_events WHERE action <> 'person.exported'
ORDER BY 1
"""
_ROWS = "SELECT c::text, m::text, d::text, s::text FROM contacts c, messages m, deliveries d, schedules s"
EXPORT, ERASE = "/api/people/export", "/api/people/erase"


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def store(database: Database, church: KnownChurch, *people: Person) -> list[UUID]:
    with church_scope(database, church.church_id) as connection:
        return [added.contact_id for added in contacts.add(connection, church_id=church.church_id, people=people)]


def ask(client: FlaskClient, church: KnownChurch, path: str, *addresses: str) -> dict[str, Any]:
    answer = client.post(path, json={"addresses": list(addresses)}, headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def opt_out(database: Database, church: KnownChurch, address: str) -> None:
    with system_scope(database) as connection:
        opt_outs.opt_out(connection, church_id=church.church_id, address=address, source="command", evidence="called")


def whole_database(ledger: Ledger) -> str:
    """Every row of every table that may name a person, as text."""
    return str(ledger.query(_EVERY_ROW))


def kept_rows(ledger: Ledger) -> list[tuple[str, ...]]:
    return ledger.query(
        "SELECT c::text, m::text, d::text, s::text FROM contacts c, messages m, deliveries d, schedules s"
    )


def deliver(ledger: Ledger, church: KnownChurch, *addresses: str) -> None:
    """Sends a message to these numbers, and lets the carrier accept it."""
    ledger.send(church.church_id, addresses)
    ledger.record(sent(ledger.claim(church.church_id)))
    ledger.complete(church.church_id)


def schedule(ledger: Ledger, church: KnownChurch, target: dict[str, list[str]]) -> None:
    ledger.query(
        "INSERT INTO schedules (church_id, channel, content, segments, target_type, target, rule_kind, rule, "
        "time_zone, starts_at, missed_policy, missed_within_seconds, request_hash) VALUES (%(church)s, 'sms', 'Amen', "
        "1, 'numbers', %(target)s, 'cron', '0 9 * * *', 'UTC', now(), 'skip', 60, '')",
        church=church.church_id,
        target=Jsonb(target),
    )


def test_an_export_has_everything_that_is_stored(
    client: FlaskClient, database: Database, church: KnownChurch, ledger: Ledger
) -> None:
    store(database, church, Person(name="Ruth Bell", phone=RUTH, email=RUTHS_MAIL), Person(name="Amos", phone=AMOS))
    deliver(ledger, church, RUTH, AMOS)
    schedule(ledger, church, {"phoneNumbers": [AMOS, RUTH]})
    opt_out(database, church, RUTHS_MAIL)
    opt_out(database, church, RUTH)
    ledger.send(church.church_id, [RUTH])

    found = ask(client, church, EXPORT, "(202) 555-0123", "Ruth@Example.org")

    assert found["addresses"] == [RUTH, RUTHS_MAIL]
    assert [(contact["name"], contact["phone"], contact["email"]) for contact in found["contacts"]] == [
        ("Ruth Bell", RUTH, RUTHS_MAIL)
    ]
    assert {each["address"] for each in found["optOuts"]} == {RUTH, RUTHS_MAIL}
    assert [(each["event"], each["evidence"]) for each in found["consentHistory"]] == [("opt_out", "called")] * 2
    assert len(found["scheduleIds"]) == 1
    assert [(each["status"], each["reason"], each["content"]) for each in found["deliveries"]] == [
        ("sent", None, "Service at ten."),
        ("suppressed", "opted out", "Service at ten."),
    ]
    assert AMOS not in json.dumps(found)


def test_an_export_of_nobody_is_empty(client: FlaskClient, church: KnownChurch) -> None:
    found = ask(client, church, EXPORT, RUTH)

    assert found == {
        "addresses": [RUTH],
        "contacts": [],
        "optOuts": [],
        "consentHistory": [],
        "scheduleIds": [],
        "inboundMessages": [],
        "imports": [],
        "deliveries": [],
    }


def test_another_church_neither_sees_nor_erases_the_person(
    client: FlaskClient, database: Database, church: KnownChurch, other_church: KnownChurch, ledger: Ledger
) -> None:
    store(database, church, Person(name="Ruth Bell", phone=RUTH))
    deliver(ledger, church, RUTH)
    schedule(ledger, church, {"phoneNumbers": [RUTH]})
    before = kept_rows(ledger)

    found, erased = (ask(client, other_church, path, RUTH) for path in (EXPORT, ERASE))

    assert (found["contacts"], found["deliveries"], found["scheduleIds"]) == ([], [], [])
    assert (erased["contacts"], erased["deliveries"], erased["schedules"]) == (0, 0, 0)
    assert kept_rows(ledger) == before


def test_erasing_removes_the_person_everywhere_and_nobody_else(
    client: FlaskClient, database: Database, church: KnownChurch, ledger: Ledger
) -> None:
    store(database, church, Person(name="Ruth Bell", phone=RUTH, email=RUTHS_MAIL), Person(name="Amos", phone=AMOS))
    deliver(ledger, church, AMOS, RUTH)
    schedule(
        ledger,
        church,
        {"phoneNumbers": [AMOS, RUTH], "numberZones": ["Europe/London", "UTC"], "numberRegions": ["GB", "US"]},
    )
    ledger.compose(church.church_id, {"phoneNumbers": [RUTH, AMOS], "numberRegions": ["US", "GB"]})

    erased = ask(client, church, ERASE, RUTH)

    assert (erased["contacts"], erased["schedules"], erased["deliveries"], erased["unfinished"]) == (1, 1, 1, 0)
    assert (erased["otherAddresses"], erased["optedOut"]) == ([RUTHS_MAIL], [])
    assert RUTH not in whole_database(ledger)
    assert "Ruth" not in whole_database(ledger)
    assert ledger.query("SELECT target FROM schedules") == [
        ({"phoneNumbers": [AMOS], "numberZones": ["Europe/London"], "numberRegions": ["GB"]},)
    ]
    assert ledger.query("SELECT target FROM messages WHERE expanded_at IS NULL") == [
        ({"phoneNumbers": [AMOS], "numberRegions": ["GB"]},)
    ]
    assert ledger.query("SELECT name FROM contacts") == [("Amos",)]
    assert ledger.query("SELECT status::text FROM deliveries WHERE address = %(a)s", a=AMOS) == [("sent",)]


def test_erasing_changes_no_count_and_may_be_repeated(
    client: FlaskClient, database: Database, church: KnownChurch, ledger: Ledger
) -> None:
    store(database, church, Person(name="Ruth Bell", phone=RUTH))
    deliver(ledger, church, AMOS, RUTH)
    message = client.get("/api/messages", headers=church.bearer).get_json()["items"][0]["id"]
    before = client.get(f"/api/messages/{message}", headers=church.bearer).get_json()["counts"]

    ask(client, church, ERASE, RUTH)
    again = ask(client, church, ERASE, RUTH)

    assert (again["contacts"], again["deliveries"], again["schedules"]) == (0, 0, 0)
    assert client.get(f"/api/messages/{message}", headers=church.bearer).get_json()["counts"] == before


def test_what_is_queued_for_the_person_is_not_sent(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> None:
    ledger.send(church.church_id, [AMOS, RUTH])

    erased = ask(client, church, ERASE, RUTH)

    assert (erased["deliveries"], erased["stopped"]) == (1, 1)
    assert [envelope.address for envelope in ledger.claim(church.church_id).envelopes] == [AMOS]
    assert ledger.query("SELECT status::text, reason FROM deliveries WHERE address IS NULL") == [
        ("suppressed", "erased")
    ]


@pytest.mark.parametrize("status", [Status.SENDING, Status.UNKNOWN])
def test_what_is_being_submitted_keeps_its_address_until_its_result_is_known(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, status: Status
) -> None:
    ledger.send(church.church_id, [RUTH])
    claim = ledger.claim(church.church_id)
    if status is Status.UNKNOWN:
        ledger.query("UPDATE deliveries SET lease_until = now() - interval '1 second'")
        ledger.expire_leases()

    assert ask(client, church, ERASE, RUTH)["unfinished"] == 1
    assert ledger.query("SELECT address, status::text FROM deliveries") == [(RUTH, status.value)]
    assert ledger.record(sent(claim)) == 1
    assert ask(client, church, ERASE, RUTH)["unfinished"] == 0

    assert ledger.query("SELECT address, status::text FROM deliveries") == [(None, "sent")]


def test_an_erased_person_who_opted_out_and_is_stored_again_gets_nothing(
    client: FlaskClient, database: Database, church: KnownChurch, ledger: Ledger
) -> None:
    store(database, church, Person(name="Ruth Bell", phone=RUTH))
    opt_out(database, church, RUTH)
    assert ask(client, church, ERASE, RUTH)["optedOut"] == [RUTH]

    body = {"contacts": [{"name": "Ruth Bell", "phone": RUTH}, {"name": "Amos", "phone": AMOS}]}
    client.post("/api/contacts", json=body, headers=church.bearer)
    message = ledger.compose(church.church_id)
    ledger.expand(church.church_id, message)

    assert [envelope.address for envelope in ledger.claim(church.church_id).envelopes] == [AMOS]
    assert [each["event"] for each in ask(client, church, EXPORT, RUTH)["consentHistory"]] == ["opt_out"]


def test_a_failed_delivery_to_an_erased_person_is_not_sent_again(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    message = ledger.send(church.church_id, [AMOS, RUTH])
    ledger.query("UPDATE deliveries SET status = 'failed'")
    ledger.complete(church.church_id)
    ask(client, church, ERASE, RUTH)

    answer = client.post(f"/api/messages/{message.message_id}/retry-failed", json={}, headers=church.bearer)

    assert (answer.status_code, answer.get_json()["retried"]) == (200, 1)
    assert [envelope.address for envelope in ledger.claim(church.church_id).envelopes] == [AMOS]


def test_both_are_recorded_with_masked_addresses(
    client: FlaskClient, database: Database, church: KnownChurch, ledger: Ledger
) -> None:
    store(database, church, Person(name="Ruth Bell", phone=RUTH))
    deliver(ledger, church, RUTH)
    for path in (EXPORT, ERASE):
        ask(client, church, path, RUTH, RUTHS_MAIL)

    recorded = ledger.query("SELECT action, subject, church_id, details FROM audit_events ORDER BY audit_event_id")

    assert [(action, details) for action, _, _, details in recorded] == [
        ("person.exported", {}),
        ("person.erased", {"contacts": 1, "schedules": 0, "inboundMessages": 0}),
        ("person.deliveries_erased", {"deliveries": 1, "stopped": 0}),
    ]
    assert {(subject, church_id) for _, subject, church_id, _ in recorded} == {
        ("+*********23, r***@example.org", church.church_id)
    }


@pytest.mark.parametrize(("path", "scope"), [(EXPORT, "people:export"), (ERASE, "people:erase")])
def test_each_needs_its_scope(
    client: FlaskClient, database: Database, church: KnownChurch, path: str, scope: str
) -> None:
    answers = [
        client.post(
            path,
            json={"addresses": [RUTH]},
            headers={"Authorization": f"Bearer {another_key(database, church.church_id, scopes=scopes)}"},
        ).status_code
        for scopes in (["contacts:write", "contacts:read", "messages:write", "messages:read"], [scope])
    ]

    assert answers == [403, 200]


@pytest.mark.parametrize("addresses", [[], ["12"], ["ruth@"], [RUTH] * 11, "+12025550123", [None]])
def test_invalid_addresses_are_refused(client: FlaskClient, church: KnownChurch, addresses: object) -> None:
    for path in (EXPORT, ERASE):
        answer = client.post(path, json={"addresses": addresses}, headers=church.bearer)
        assert answer.status_code in (400, 422), answer.text


# --- what the person wrote --------------------------------------------------------------------------------------------


def test_what_the_person_wrote_is_exported(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, ledger: Ledger
) -> None:
    receive(ledger, church.church_id, RUTH, "Is there parking?")
    receive(ledger, church.church_id, AMOS, "from somebody else")
    receive(ledger, other_church.church_id, RUTH, "to another church")

    found = ask(client, church, EXPORT, RUTH)["inboundMessages"]

    assert [(message["address"], message["content"]) for message in found] == [(RUTH, "Is there parking?")]


def test_what_the_person_wrote_and_got_alone_is_erased(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    inbound = receive(ledger, church.church_id, RUTH, "My daughter is ill.")
    receive(ledger, church.church_id, AMOS, "from somebody else")
    answer = client.post(
        f"/api/inbound/{inbound}/reply", json={"content": "We pray for your daughter."}, headers=church.bearer
    )
    assert answer.status_code == 202, answer.text
    ledger.record(sent(ledger.claim(church.church_id)))
    assert RUTH in whole_database(ledger)

    erased = ask(client, church, ERASE, RUTH)
    again = ask(client, church, ERASE, RUTH)

    assert (erased["inboundMessages"], again["inboundMessages"]) == (1, 0)
    everything = whole_database(ledger)
    assert RUTH not in everything
    assert "daughter" not in everything
    assert AMOS in everything
    [shown] = client.get("/api/conversations", headers=church.bearer).get_json()["items"]
    assert shown["phone"] == AMOS


def test_a_text_in_doubt_keeps_what_the_carrier_is_asked_by(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    inbound = receive(ledger, church.church_id, RUTH)
    client.post(f"/api/inbound/{inbound}/reply", json={"content": "Gladly!"}, headers=church.bearer)
    [envelope] = ledger.claim(church.church_id).envelopes
    ledger.set_status(envelope.delivery_id, Status.UNKNOWN)

    assert ask(client, church, ERASE, RUTH)["unfinished"] == 1

    assert ledger.query("SELECT content FROM messages") == [("Gladly!",)]
