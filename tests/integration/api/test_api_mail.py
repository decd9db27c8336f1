"""POST /api/messages/send for mail, and contacts with mail addresses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from api.app import create_app
from api.services import services
from settings import Settings
from store import church_limits
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch, add_contacts
from tests.harness.mails import SECRET
from tests.harness.senders import set_mail_sender

SEND = "/api/messages/send"


@pytest.fixture(scope="module")
def mail_app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings.model_copy(update=_set_up()))
    yield app
    services(app).close()


def _set_up() -> dict[str, Any]:
    return {"smtp_url": "smtp://127.0.0.1:9?starttls=never", "secret_key": SecretStr(SECRET)}


@pytest.fixture
def client(mail_app: Flask) -> FlaskClient:
    return mail_app.test_client()


@pytest.fixture
def sender(database: Database, church: KnownChurch) -> None:
    set_mail_sender(database, church.church_id)


def a_mail(church: KnownChurch, **changes: Any) -> dict[str, Any]:
    body = {
        "churchId": str(church.church_id),
        "channel": "mail",
        "subject": "This Sunday",
        "content": "See you there",
        "targetType": "all",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


def errors(client: FlaskClient, church: KnownChurch, body: dict[str, Any]) -> dict[str, str]:
    answer = client.post(SEND, json=body, headers=church.bearer)
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.get_json()["errors"]}


@pytest.mark.usefixtures("sender")
def test_a_mail_is_accepted_and_returned_with_its_subject(client: FlaskClient, church: KnownChurch) -> None:
    answer = client.post(SEND, json=a_mail(church), headers=church.bearer)

    assert answer.status_code == 202, answer.text
    returned = client.get(answer.headers["Location"], headers=church.bearer).get_json()
    assert (returned["channel"], returned["segments"], returned["details"]) == ("mail", 1, {"subject": "This Sunday"})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"subject": ...}, {"subject": "is required for mail"}),
        ({"subject": None}, {"subject": "must be a string"}),
        ({"subject": ["x"]}, {"subject": "must be a string"}),
        ({"subject": " "}, {"subject": "must not be blank"}),
        ({"subject": "x" * 201}, {"subject": "must have at most 200 characters"}),
        ({"subject": "a\r\nBcc: all@example.org"}, {"subject": "must be one line without control characters"}),
        (
            {"subject": "=?utf-8?q?a=0D=0ABcc:_all@example.org?="},
            {"subject": "must be plain text without encoded words"},
        ),
        ({"imageUrls": []}, {"imageUrls": "is not a known field"}),
        ({"details": {}}, {"details": "is not a known field"}),
        ({"content": "x" * 100_001}, {"content": "is longer than the 100,000 characters that an e-mail may have"}),
        (
            {"targetType": "numbers", "phoneNumbers": ["+12025550123"]},
            {"targetType": 'does not suit mail: use "all", "contacts", "groups" or "addresses"'},
        ),
        ({"targetType": "addresses"}, {"emailAddresses": 'is required when targetType is "addresses"'}),
        (
            {"targetType": "addresses", "emailAddresses": ["a@example.org", "nobody", "x@y@z", "a@b\nc"]},
            {f"emailAddresses[{n}]": "is not an e-mail address that mail can be sent to" for n in (1, 2, 3)},
        ),
        ({"targetType": "all", "emailAddresses": ["a@example.org"]}, {"emailAddresses": "is only allowed when"}),
        (
            {"subject": ..., "content": " ", "targetType": "everyone", "colour": 1, "sendAt": "soon"},
            {"subject": "is req", "content": "must", "targetType": "must", "colour": "is not", "sendAt": "must be a"},
        ),
    ],
)
@pytest.mark.usefixtures("sender")
def test_all_field_errors_are_returned_at_once(
    client: FlaskClient, church: KnownChurch, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    found = errors(client, church, a_mail(church, **changes))

    assert found.keys() == expected.keys()
    assert all(found[field].startswith(message) for field, message in expected.items()), found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"subject": "This Sunday"}, {"subject": "is only allowed when channel is mail"}),
        ({"subject": None}, {"subject": "is only allowed when channel is mail"}),
        (
            {"targetType": "addresses", "emailAddresses": ["a@example.org"]},
            {"targetType": 'does not suit sms: use "all", "contacts", "groups" or "numbers"'},
        ),
    ],
)
def test_fields_of_mail_are_refused_for_texts(
    client: FlaskClient, church: KnownChurch, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    assert errors(client, church, a_mail(church, **{"channel": "sms", "subject": ..., **changes})) == expected


@pytest.mark.usefixtures("sender")
def test_mail_does_not_count_against_the_daily_limit(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    with system_scope(database) as connection:
        church_limits.set_daily_limit(connection, church_id=church.church_id, daily_limit=0)

    assert client.post(SEND, json=a_mail(church), headers=church.bearer).status_code == 202


@pytest.mark.usefixtures("sender")
def test_another_subject_is_another_message(client: FlaskClient, church: KnownChurch) -> None:
    named = {**church.bearer, "Idempotency-Key": "christmas"}

    first = client.post(SEND, json=a_mail(church), headers=named)
    again = client.post(SEND, json=a_mail(church), headers=named)
    other = client.post(SEND, json=a_mail(church, subject="Another"), headers=named)

    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 409)
    assert first.get_json()["id"] == again.get_json()["id"]


def test_without_a_sender_mail_is_refused(client: FlaskClient, church: KnownChurch) -> None:
    assert "no sender" in errors(client, church, a_mail(church))["channel"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [({"mail_enabled": False}, "is switched off here"), ({"smtp_url": None}, "is not set up here")],
)
@pytest.mark.usefixtures("sender")
def test_without_mail_settings_mail_is_refused_and_texts_are_accepted(
    settings: Settings, church: KnownChurch, changes: dict[str, Any], complaint: str
) -> None:
    app = create_app(settings.model_copy(update={**_set_up(), **changes}))
    client = app.test_client()

    assert errors(client, church, a_mail(church))["channel"].startswith(complaint)
    texted = client.post(SEND, json=a_mail(church, channel="sms", subject=...), headers=church.bearer)
    assert texted.status_code == 202
    services(app).close()


# --- later, and again and again ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sender")
def test_the_subject_and_the_addresses_of_a_scheduled_mail_can_be_changed(
    client: FlaskClient, church: KnownChurch
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    place = client.post(SEND, json=a_mail(church, sendAt=tomorrow), headers=church.bearer).headers["Location"]

    changes = {"subject": "Next Sunday", "targetType": "addresses", "emailAddresses": ["ruth@example.org"]}
    changed = client.patch(place, json=changes, headers=church.bearer).get_json()
    kept = client.patch(place, json={"content": "Other words"}, headers=church.bearer).get_json()

    assert (changed["details"], changed["targetType"]) == ({"subject": "Next Sunday"}, "addresses")
    assert kept == changed | {"content": "Other words"}
    for refused in ({"subject": ""}, {"subject": None}):
        answer = client.patch(place, json=refused, headers=church.bearer)
        assert [error["field"] for error in answer.get_json()["errors"]] == ["subject"]


@pytest.mark.usefixtures("sender")
def test_a_mail_can_be_scheduled(client: FlaskClient, church: KnownChurch) -> None:
    again = {"recurrence": {"cron": "0 9 * * SUN"}, "targetType": "addresses", "emailAddresses": ["Ruth@Example.org"]}

    made = client.post("/api/schedules", json=a_mail(church, **again), headers=church.bearer)
    schedule = client.get(made.headers["Location"], headers=church.bearer).get_json()
    changed = client.patch(made.headers["Location"], json={"subject": "Come!"}, headers=church.bearer).get_json()
    ran = client.post(f"{made.headers['Location']}/run-now", headers=church.bearer).get_json()

    assert made.status_code == 201, made.text
    assert (schedule["details"], schedule["emailAddresses"]) == ({"subject": "This Sunday"}, ["ruth@example.org"])
    assert (changed["details"], changed["emailAddresses"]) == ({"subject": "Come!"}, ["ruth@example.org"])
    message = client.get(ran["links"]["self"], headers=church.bearer).get_json()
    assert (message["channel"], message["details"]) == ("mail", {"subject": "Come!"})


def test_a_scheduled_mail_is_checked_like_any_other(client: FlaskClient, church: KnownChurch) -> None:
    plan = a_mail(church, subject=..., colour=1, recurrence={"cron": "soon"})

    answer = client.post("/api/schedules", json=plan, headers=church.bearer)

    assert answer.status_code == 422
    assert {error["field"] for error in answer.get_json()["errors"]} == {"subject", "colour", "recurrence.cron"}
    plan = a_mail(church, recurrence={"cron": "0 9 * * SUN"})
    refused = client.post("/api/schedules", json=plan, headers=church.bearer).get_json()
    assert [error["field"] for error in refused["errors"]] == ["channel"]


def test_a_schedule_without_a_sender_cannot_be_run_manually(
    client: FlaskClient, church: KnownChurch, database: Database, sender: None
) -> None:
    plan = a_mail(church, recurrence={"cron": "0 9 * * SUN"})
    place = client.post("/api/schedules", json=plan, headers=church.bearer).headers["Location"]
    with system_scope(database) as connection:
        connection.execute("DELETE FROM senders WHERE channel = 'mail'")

    answer = client.post(f"{place}/run-now", headers=church.bearer)

    assert answer.status_code == 409
    assert answer.get_json()["errors"] == [
        {"field": "channel", "message": "has no sender in this church any more: ask the operator to set one"}
    ]


# --- contacts ---------------------------------------------------------------------------------------------------------


def import_people(client: FlaskClient, church: KnownChurch, *people: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/api/contacts", json={"contacts": list(people)}, headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def people_of(client: FlaskClient, church: KnownChurch) -> list[tuple[str, str | None, str | None]]:
    items = client.get("/api/contacts", headers=church.bearer).get_json()["items"]
    return [(item["name"], item["phone"], item["email"]) for item in items]


def test_a_contact_has_a_number_or_a_mail_address_or_both(client: FlaskClient, church: KnownChurch) -> None:
    returned = import_people(
        client,
        church,
        {"name": "Ruth", "phone": "(202) 555-0123", "email": " Ruth@Example.ORG "},
        {"name": "Amos", "email": "amos@bücher.example.org"},
        {"name": "Lea"},
        {"name": "Max", "email": "max"},
        {"name": "Ida", "phone": None, "email": None},
    )

    assert (returned["created"], returned["refused"]) == (2, 3)
    assert returned["results"][1]["phone"] is None
    assert [result["errors"][0]["field"] for result in returned["results"][2:]] == [
        "contacts[2].phone",
        "contacts[3].email",
        "contacts[4].phone",
    ]
    assert people_of(client, church) == [
        ("Ruth", "+12025550123", "ruth@example.org"),
        ("Amos", None, "amos@xn--bcher-kva.example.org"),
    ]


def test_a_known_person_is_matched_by_number_or_else_by_mail_address(client: FlaskClient, church: KnownChurch) -> None:
    ruth = {"name": "Ruth", "phone": "+12025550123"}
    import_people(client, church, ruth, {"name": "Amos", "email": "a@example.org"})

    again = import_people(
        client,
        church,
        ruth | {"email": "ruth@example.org"},
        {"name": "RUTH", "email": "ruth@example.org"},
        {"name": "amos", "email": "A@example.org"},
        {"name": "Amos", "email": "a@example.org", "phone": "+12025550124"},
    )

    assert (again["created"], again["existing"]) == (0, 4)
    assert people_of(client, church) == [
        ("Ruth", "+12025550123", "ruth@example.org"),
        ("Amos", "+12025550124", "a@example.org"),
    ]


def test_a_mail_address_stays_unless_another_is_sent(client: FlaskClient, church: KnownChurch) -> None:
    ruth = {"name": "Ruth", "phone": "+12025550123"}
    import_people(client, church, ruth | {"email": "old@example.org"})
    import_people(client, church, ruth)
    assert people_of(client, church) == [("Ruth", "+12025550123", "old@example.org")]

    import_people(client, church, ruth | {"email": "new@example.org"})
    assert people_of(client, church) == [("Ruth", "+12025550123", "new@example.org")]


def test_a_number_is_added_to_one_of_two_people_with_the_same_name(client: FlaskClient, church: KnownChurch) -> None:
    import_people(client, church, *({"name": "Ruth", "email": f"{n}@example.org"} for n in "ab"))

    returned = import_people(
        client, church, *({"name": "Ruth", "email": f"{n}@example.org", "phone": "+12025550123"} for n in "ab")
    )

    assert returned["created"] == 0
    assert len([person for person in people_of(client, church) if person[1] is not None]) == 1


def test_the_opt_outs_from_mail_and_from_texts_are_shown_separately(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=1)
    import_people(client, church, {"name": "Ruth", "email": "ruth@example.org"})
    with system_scope(database) as connection:
        connection.execute(
            "INSERT INTO opt_outs (church_id, address, source) VALUES (%s, 'ruth@example.org', 'test')",
            (church.church_id,),
        )

    items = client.get("/api/contacts", headers=church.bearer).get_json()["items"]

    assert [(item["optedOutAt"], item["mailOptedOutAt"] is not None) for item in items] == [(None, False), (None, True)]
