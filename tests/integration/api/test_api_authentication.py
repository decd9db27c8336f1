"""Every route declares its guard, and no key opens what is another church's."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.authentication import AuthenticationScheme, declared
from api.keys import SCOPES, new_key
from settings import Settings
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch, add_contacts, another_key

_SOMEWHERE = "0197a3f2-77d0-7a51-8a1c-3b9f2f0f6a42"

GUARDED = {
    ("POST", "/api/messages/send"): "messages:write",
    ("GET", "/api/messages"): "messages:read",
    ("GET", f"/api/messages/{_SOMEWHERE}"): "messages:read",
    ("GET", f"/api/messages/{_SOMEWHERE}/deliveries"): "messages:read",
    ("POST", "/api/contacts"): "contacts:write",
    ("GET", "/api/contacts"): "contacts:read",
}


def test_every_route_declares_its_authentication(app: Flask) -> None:
    undeclared = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint not in declared(app)}

    assert undeclared == set()


def test_everything_of_a_church_is_behind_a_key(app: Flask) -> None:
    open_routes = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and declared(app)[rule.endpoint].scheme is not AuthenticationScheme.KEY
    }

    assert open_routes == set()


def test_a_route_that_declares_nothing_is_shut(settings: Settings) -> None:
    from api.app import create_app
    from api.services import services

    app = create_app(settings)
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")

    answer = app.test_client().get("/forgotten")

    assert answer.status_code == 500
    assert "secret" not in answer.text
    services(app).close()


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer nonsense", "Bearer ksms_ä"])
def test_without_a_key_nothing_opens(client: FlaskClient, method: str, path: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}

    answer = client.open(path, method=method, headers=headers)

    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_an_unknown_and_a_revoked_key_open_nothing(
    client: FlaskClient, church: KnownChurch, database: Database, method: str, path: str
) -> None:
    with system_scope(database) as connection:
        connection.execute("UPDATE api_keys SET revoked_at = now() WHERE church_id = %s", (church.church_id,))

    for key in (church.key, new_key()[0]):
        answer = client.open(path, method=method, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_every_scope_but_the_needed_one_is_not_enough(
    client: FlaskClient, church: KnownChurch, database: Database, method: str, path: str
) -> None:
    needed = GUARDED[method, path]
    key = another_key(database, church.church_id, scopes=[scope for scope in SCOPES if scope != needed])

    answer = client.open(path, method=method, headers={"Authorization": f"Bearer {key}"})

    assert answer.status_code == 403
    assert f'scope="{needed}"' in answer.headers["WWW-Authenticate"]


def test_another_church_sees_and_changes_nothing(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, database: Database
) -> None:
    contact_id = str(add_contacts(database, church.church_id, count=1)[0])
    body = {"churchId": str(church.church_id), "content": "For us alone", "targetType": "all"}
    message_id = client.post("/api/messages/send", json=body, headers=church.bearer).get_json()["id"]
    stranger = other_church.bearer

    assert client.get(f"/api/messages/{message_id}", headers=stranger).status_code == 404
    assert client.get(f"/api/messages/{message_id}/deliveries", headers=stranger).status_code == 404
    assert client.get("/api/messages", headers=stranger).get_json()["items"] == []
    assert client.get("/api/contacts", headers=stranger).get_json()["items"] == []
    assert client.post("/api/messages/send", json=body, headers=stranger).status_code == 403
    theirs = body | {
        "churchId": str(other_church.church_id),
        "targetType": "contacts",
        "contactIds": [contact_id],
    }
    assert client.post("/api/messages/send", json=theirs, headers=stranger).status_code == 422
    same_person = {"contacts": [{"name": "Person 0", "phone": "+12025550000"}]}
    assert client.post("/api/contacts", json=same_person, headers=stranger).get_json()["results"][0]["created"]
    assert len(client.get("/api/contacts", headers=church.bearer).get_json()["items"]) == 1
