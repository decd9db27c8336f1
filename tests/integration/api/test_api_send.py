"""POST /api/messages/send: accepted and refused requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from redis import Redis

from messaging.addresses import AddressKind
from store import message_expansion, messages
from store.database import Database, church_scope
from tests.harness.churches import KnownChurch, add_contacts, create_church
from tests.harness.waiting import wait_until

SEND = "/api/messages/send"


def a_message(church: KnownChurch, **changes: Any) -> dict[str, Any]:
    """The body that the front end sends, with `changes`; a field changed to ... is left out."""
    body = {"churchId": str(church.church_id), "content": "Service at 10:30", "targetType": "all"} | changes
    return {name: value for name, value in body.items() if value is not ...}


PENDING = "koinonia:pending:expand_messages:sms"


def stored(database: Database, church: KnownChurch) -> int:
    with church_scope(database, church.church_id) as connection:
        return len(messages.page(connection, church_id=church.church_id, before=None, limit=1000))


def test_a_message_of_the_front_end_is_accepted_and_its_job_enqueued(
    client: FlaskClient, church: KnownChurch, redis_url: str
) -> None:
    answer = client.post(SEND, json=a_message(church), headers=church.bearer)

    assert answer.status_code == 202
    returned = answer.get_json()
    assert set(returned) == {"id", "status", "channel", "segments", "sendAt", "createdAt", "links", "warnings"}
    assert (returned["status"], returned["channel"], returned["segments"]) == ("accepted", "sms", 1)
    assert answer.headers["Location"] == returned["links"]["self"] == f"/api/messages/{returned['id']}"
    wait_until(lambda: Redis.from_url(redis_url).exists(PENDING))


def test_the_request_writes_no_deliveries(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    add_contacts(database, church.church_id, count=2)

    answer = client.post(SEND, json=a_message(church), headers=church.bearer)

    message = client.get(answer.headers["Location"], headers=church.bearer).get_json()
    assert message["expandedAt"] is None
    assert message["counts"]["audience"] == 0


def test_contacts_and_numbers_are_stored_for_the_expansion(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    ids = add_contacts(database, church.church_id, count=2)
    to_contacts = a_message(church, targetType="contacts", contactIds=[str(each) for each in ids])
    to_numbers = a_message(church, targetType="numbers", phoneNumbers=["(202) 555-0123", "+1 787 555 0123"])

    for body in (to_contacts, to_numbers):
        answer = client.post(SEND, json=body, headers=church.bearer)
        assert answer.status_code == 202, answer.text
        with church_scope(database, church.church_id) as connection:
            [expansion] = message_expansion.expand(
                connection,
                message_ids=[UUID(answer.get_json()["id"])],
                address_kind=AddressKind.PHONE,
                keeps_quiet_hours=True,
            ).values()
            assert expansion.written == 2


def test_ten_thousand_numbers_are_accepted(client: FlaskClient, church: KnownChurch) -> None:
    numbers = [f"+1202555{n:04}" for n in range(10_000)]

    answer = client.post(
        SEND, json=a_message(church, targetType="numbers", phoneNumbers=numbers), headers=church.bearer
    )

    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("ahead", "status", "is_enqueued"),
    [(timedelta(days=1), "scheduled", False), (timedelta(days=-1), "accepted", True)],
)
def test_a_future_message_is_scheduled_and_a_past_one_is_sent_now(
    client: FlaskClient,
    church: KnownChurch,
    enqueued: list[tuple[str, ...]],
    ahead: timedelta,
    status: str,
    is_enqueued: bool,
) -> None:
    send_at = datetime.now(UTC) + ahead

    answer = client.post(SEND, json=a_message(church, sendAt=send_at.isoformat()), headers=church.bearer)

    assert answer.get_json()["status"] == status
    assert enqueued == [("expand_messages", "sms")] * is_enqueued


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"churchId": ...}, {"churchId": "is required"}),
        ({"churchId": "first-baptist"}, {"churchId": "must be a UUID"}),
        ({"churchId": 7}, {"churchId": "must be a UUID"}),
        ({"content": ""}, {"content": "must not be blank"}),
        ({"content": ...}, {"content": "must not be blank"}),
        ({"content": " \n\t"}, {"content": "must not be blank"}),
        ({"content": 5}, {"content": "must be a string"}),
        ({"content": None}, {"content": "must be a string"}),
        ({"content": "a\0b"}, {"content": "must not contain the character U+0000"}),
        ({"content": "x" * 1601}, {"content": "is longer than the 1600 characters that one text may have"}),
        ({"channel": "mms"}, {"mediaUrls": "is required for mms"}),
        ({"channel": "pigeon"}, {"channel": "must be one of mail, mms, sms"}),
        (
            {"targetType": "everyone"},
            {"targetType": "must be one of 'all', 'contacts', 'groups', 'numbers' or 'addresses'"},
        ),
        ({"targetType": "contacts"}, {"contactIds": 'is required when targetType is "contacts"'}),
        ({"targetType": "numbers"}, {"phoneNumbers": 'is required when targetType is "numbers"'}),
        ({"contactIds": [str(uuid4())]}, {"contactIds": 'is only allowed when targetType is "contacts"'}),
        ({"phoneNumbers": ["+12025550123"]}, {"phoneNumbers": 'is only allowed when targetType is "numbers"'}),
        ({"targetType": "contacts", "contactIds": []}, {"contactIds": "must have at least 1 item"}),
        (
            {"targetType": "numbers", "phoneNumbers": ["+12025550123", "12", "+1202555012x"]},
            {"phoneNumbers[1]": "has too few or too many digits for a phone number"},
        ),
        (
            {"targetType": "numbers", "phoneNumbers": ["+12025550123"] * 10_001},
            {"phoneNumbers": "must have at most 10,000 items"},
        ),
        ({"sendAt": "2027-01-01 10:00"}, {"sendAt": "must be a time as in RFC 3339"}),
        ({"sendAt": 1800000000}, {"sendAt": "must be a time as in RFC 3339"}),
        ({"sendAt": "2029-01-01T10:00:00"}, {"sendAt": "must be at most a year ahead"}),
        ({"urgent": {}}, {"urgent.reason": "is required"}),
        ({"urgent": {"reason": " "}}, {"urgent.reason": "must have at least 1 character"}),
        ({"urgent": True}, {"urgent": "must be an object"}),
        ({"sendAt": "9999-12-31T23:59:59-23:59"}, {"sendAt": "must be at most a year ahead"}),
        *(
            ({"sendAt": f"0001-01-01T00:00:00{offset}"}, {"sendAt": "must not be before the year 2000"})
            for offset in ("", "Z", "+14:00", "-12:00", "+23:59")
        ),
        ({"church_id": "x", "colour": 1}, {"church_id": "is not a known field", "colour": "is not a known field"}),
    ],
)
def test_invalid_fields_are_reported(
    client: FlaskClient, church: KnownChurch, database: Database, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    answer = client.post(SEND, json=a_message(church, **changes), headers=church.bearer)

    assert answer.status_code == 422
    found = {error["field"]: error["message"] for error in answer.get_json()["errors"]}
    assert found.keys() >= expected.keys()
    assert all(found[field].startswith(message) for field, message in expected.items()), found
    assert stored(database, church) == 0


def test_all_invalid_fields_are_reported_at_once(client: FlaskClient, church: KnownChurch) -> None:
    body = {"content": "", "targetType": "numbers", "phoneNumbers": ["x", "+12025550123", 5], "sendAt": "soon", "z": 1}

    answer = client.post(SEND, json=body, headers=church.bearer)

    fields = [error["field"] for error in answer.get_json()["errors"]]
    assert fields == ["churchId", "content", "phoneNumbers[0]", "phoneNumbers[2]", "sendAt", "z"]


def test_a_message_of_a_church_without_a_sender_is_refused_and_not_stored(
    client: FlaskClient, database: Database
) -> None:
    church = create_church(database, sender=None)

    answer = client.post(SEND, json=a_message(church), headers=church.bearer)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["channel"]
    assert stored(database, church) == 0


def test_contacts_of_another_church_are_reported_as_unknown_with_their_positions(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, database: Database
) -> None:
    own, foreign = (str(add_contacts(database, each.church_id, count=1)[0]) for each in (church, other_church))
    body = a_message(church, targetType="contacts", contactIds=[foreign, own, str(uuid4()), foreign])

    answer = client.post(SEND, json=body, headers=church.bearer)

    assert answer.status_code == 422
    fields = [error["field"] for error in answer.get_json()["errors"]]
    assert fields == ["contactIds[0]", "contactIds[2]", "contactIds[3]"]
    assert stored(database, church) == 0
