"""Numbers of regions that the church does not text, and of kinds that are never texted, are refused."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from store import church_limits
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch

SEND = "/api/messages/send"
US, CANADA, PUERTO_RICO, JAMAICA = "+12025550123", "+16045550123", "+17875550123", "+18765550123"
PREMIUM, SATELLITE = "+19005550123", "+881612345678"
ONLY = "but the church may text only AS, GU, MP, PR, US, VI: the operator can allow more regions"


def errors(client: FlaskClient, church: KnownChurch, path: str, **changes: Any) -> dict[str, str]:
    body = {"churchId": str(church.church_id), "content": "Come", "targetType": "numbers", **changes}
    answer = client.post(path, json=body, headers=church.bearer)
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.get_json()["errors"]}


@pytest.mark.parametrize(
    ("path", "more"),
    [(SEND, {}), ("/api/schedules", {"recurrence": {"cron": "0 9 * * SUN"}})],
    ids=["send", "schedule"],
)
def test_a_message_to_refused_numbers_reports_their_positions(
    client: FlaskClient, church: KnownChurch, database: Database, path: str, more: dict[str, Any]
) -> None:
    returned = errors(client, church, path, phoneNumbers=[US, JAMAICA, PUERTO_RICO, CANADA], **more)
    assert returned == {
        "phoneNumbers[1]": f"is a number in JM, {ONLY}",
        "phoneNumbers[3]": f"is a number in CA, {ONLY}",
    }

    returned = errors(client, church, path, phoneNumbers=[US, PREMIUM, SATELLITE], **more)
    assert returned == {
        "phoneNumbers[1]": "is a premium-rate number, which is never texted",
        "phoneNumbers[2]": "is a satellite or international number, which is never texted",
    }
    with system_scope(database) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)


def test_an_operator_can_allow_regions_but_not_kinds_of_numbers(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    with system_scope(database) as connection:
        church_limits.set_regions(connection, church_id=church.church_id, regions=["US", "CA"])
    body = {"churchId": str(church.church_id), "content": "Come", "targetType": "numbers"}

    answer = client.post(SEND, json=body | {"phoneNumbers": [US, CANADA]}, headers=church.bearer)

    assert answer.status_code == 202, answer.text
    assert list(errors(client, church, SEND, phoneNumbers=[PUERTO_RICO, US, PREMIUM])) == ["phoneNumbers[2]"]
    assert list(errors(client, church, SEND, phoneNumbers=[PUERTO_RICO, US])) == ["phoneNumbers[0]"]


def test_a_change_to_refused_numbers_is_refused(client: FlaskClient, church: KnownChurch) -> None:
    body = {"churchId": str(church.church_id), "content": "Come", "targetType": "numbers", "phoneNumbers": [US]}
    path = client.post(SEND, json=body, headers=church.bearer).headers["Location"]

    answer = client.patch(path, json={"targetType": "numbers", "phoneNumbers": [JAMAICA]}, headers=church.bearer)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["phoneNumbers[0]"]


def test_an_import_refuses_such_numbers_and_stores_the_others(client: FlaskClient, church: KnownChurch) -> None:
    people = [{"name": phone, "phone": phone} for phone in (US, JAMAICA, PREMIUM, PUERTO_RICO)]

    returned = client.post("/api/contacts", json={"contacts": people}, headers=church.bearer).get_json()

    assert (returned["created"], returned["refused"]) == (2, 2)
    assert [result["index"] for result in returned["results"]] == [0, 1, 2, 3]
    assert [result["errors"][0]["field"] for result in returned["results"][1:3]] == [
        "contacts[1].phone",
        "contacts[2].phone",
    ]
    assert returned["results"][1]["errors"][0]["message"] == f"is a number in JM, {ONLY}"
