"""The connection to PostgreSQL is lost during a commit, so it is not known whether the request was stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.services import services
from settings import Settings
from store import messages
from store.database import Database, church_scope
from tests.harness.churches import KnownChurch, add_contacts
from tests.harness.database_proxy import DatabaseProxy, Fault, database_proxy

SEND = "/api/messages/send"


@pytest.fixture
def proxy(database_url: str, free_port: int) -> Iterator[DatabaseProxy]:
    with database_proxy(database_url, free_port) as proxy:
        yield proxy


@pytest.fixture
def app_behind(settings: Settings, proxy: DatabaseProxy) -> Iterator[Flask]:
    """The app, connected through the proxy."""
    app = create_app(settings.model_copy(update={"database_url": proxy.url}))
    database = services(app).database
    database.timeouts = replace(database.timeouts, probe_after=0.5)  # seconds
    yield app
    proxy.is_silent = False
    services(app).close()


@pytest.fixture
def client_behind(app_behind: Flask) -> FlaskClient:
    return app_behind.test_client()


def body_of(church: KnownChurch) -> dict[str, str]:
    return {"churchId": str(church.church_id), "content": "Grace and peace", "targetType": "all"}


def stored(database: Database, church: KnownChurch) -> list[str]:
    with church_scope(database, church.church_id) as connection:
        found = messages.page(connection, church_id=church.church_id, before=None, limit=10)
    return [str(message.message_id) for message in found]


@pytest.mark.parametrize("fault", Fault)
def test_a_send_with_a_lost_commit_answers_that_it_may_be_stored_and_can_be_repeated(
    client_behind: FlaskClient,
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    proxy: DatabaseProxy,
    fault: Fault,
) -> None:
    headers = church.bearer | {"Idempotency-Key": "sunday-1"}
    assert client_behind.get("/api/messages", headers=church.bearer).status_code == 200
    proxy.next_commit = fault

    lost = client_behind.post(SEND, json=body_of(church), headers=headers)
    again = client.post(SEND, json=body_of(church), headers=headers)

    returned = lost.get_json()
    assert lost.status_code == 503
    assert returned["type"] == "/docs#problem-outcome-unknown"
    assert "may have been stored" in returned["detail"]
    assert "same Idempotency-Key" in returned["detail"]
    assert "Nothing was stored" not in lost.text
    assert int(lost.headers["Retry-After"]) > 0
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert stored(database, church) == [again.get_json()["id"]]


def test_without_an_idempotency_key_the_answer_advises_to_check_before_repeating(
    client_behind: FlaskClient, church: KnownChurch, database: Database, proxy: DatabaseProxy
) -> None:
    assert client_behind.get("/api/messages", headers=church.bearer).status_code == 200
    proxy.next_commit = Fault.CUT

    lost = client_behind.post(SEND, json=body_of(church), headers=church.bearer)

    assert lost.status_code == 503
    assert "had no Idempotency-Key" in lost.get_json()["detail"]
    assert len(stored(database, church)) == 1


def test_an_import_with_a_lost_commit_can_be_repeated(
    client_behind: FlaskClient, church: KnownChurch, database: Database, proxy: DatabaseProxy
) -> None:
    assert client_behind.get("/api/contacts", headers=church.bearer).status_code == 200
    proxy.next_commit, proxy.commits_before = Fault.CUT, 1  # the first one reads the church's regions
    people = {"contacts": [{"name": "Ruth Bell", "phone": "+12025550123"}]}

    lost = client_behind.post("/api/contacts", json=people, headers=church.bearer)
    again = client_behind.post("/api/contacts", json=people, headers=church.bearer)

    assert lost.status_code == 503
    assert lost.get_json()["type"] == "/docs#problem-outcome-unknown"
    assert "Idempotency-Key" not in lost.get_json()["detail"]
    assert again.get_json()["existing"] == 1


def test_a_read_with_a_lost_commit_answers_unavailable(
    client_behind: FlaskClient, church: KnownChurch, database: Database, proxy: DatabaseProxy
) -> None:
    add_contacts(database, church.church_id, count=1)
    assert client_behind.get("/api/contacts", headers=church.bearer).status_code == 200
    proxy.next_commit = Fault.CUT

    lost = client_behind.get("/api/contacts", headers=church.bearer)

    assert lost.status_code == 503
    assert lost.get_json()["type"] == "/docs#problem-unavailable"
