"""A new channel works with its folder and its line in the registry alone: docs/adding-a-channel.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app, described_endpoints
from api.documentation.openapi import describe
from api.services import services
from channels.incoming import FORM
from channels.registry import CHANNELS
from jobs.job_queue.queues import enabled_queues
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store import churches, opt_outs, senders
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch, add_contacts, create_church
from tests.harness.texting_hours import closed_now
from tests.harness.toy_channel import BOX, NoteChannel
from tests.integration.jobs.conftest import RunWorker, counts, expanded


@pytest.fixture(autouse=True)
def note(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line in channels/registry.py."""
    monkeypatch.setitem(CHANNELS, "note", NoteChannel())
    BOX.clear()


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    services(app).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def church(database: Database) -> KnownChurch:
    church = create_church(database)
    with system_scope(database) as connection:
        senders.save(
            connection,
            church_id=church.church_id,
            channel="note",
            address="the vestry",
            messaging_service_sid=None,
            segments_per_second=None,
        )
    return church


def send(client: FlaskClient, church: KnownChurch, **changes: Any) -> Any:
    body = {
        "churchId": str(church.church_id),
        "channel": "note",
        "content": "Grace and peace",
        "colour": "pink",
        "targetType": "all",
        **changes,
    }
    return client.post("/api/messages/send", json=body, headers=church.bearer)


def close_hours(database: Database, church: KnownChurch) -> None:
    """Set the church's texting hours so that they are closed now."""
    with system_scope(database) as connection:
        connection.execute("UPDATE churches SET time_zone = 'UTC'")
        churches.set_window(connection, church_id=church.church_id, window=closed_now().window)


def test_it_sends_and_its_receipts_are_applied(
    client: FlaskClient, church: KnownChurch, database: Database, work: RunWorker
) -> None:
    add_contacts(database, church.church_id, count=3)
    response = send(client, church)
    assert response.status_code == 202, response.text
    message = response.get_json()["id"]

    work("note")
    assert counts(database, church.church_id, message) == {Status.SENT: 3}
    assert {envelope.details["colour"] for envelope in BOX.values()} == {"pink"}

    for carrier_id, envelope in BOX.items():
        address = f"/callbacks/note/{envelope.delivery_id}/{envelope.attempt}"
        assert client.post(address, data={"note": carrier_id}).status_code == 403
        signed = client.post(address, data={"note": carrier_id}, headers={"X-Box-Key": "open sesame"})
        assert signed.status_code == 204
    work("analytics")

    assert counts(database, church.church_id, message) == {Status.DELIVERED: 3}


@pytest.mark.parametrize(("keeps_quiet_hours", "status"), [(False, Status.SENT), (True, Status.QUEUED)])
def test_it_decides_whether_its_messages_wait_for_texting_hours(
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    work: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
    keeps_quiet_hours: bool,
    status: Status,
) -> None:
    monkeypatch.setattr(NoteChannel, "keeps_quiet_hours", keeps_quiet_hours)
    add_contacts(database, church.church_id, count=1)
    close_hours(database, church)
    message = send(client, church).get_json()["id"]

    work("note")

    assert counts(database, church.church_id, message) == {status: 1}


@pytest.mark.parametrize(("keeps_quiet_hours", "status"), [(False, Status.SENT), (True, Status.QUEUED)])
def test_texting_hours_are_checked_again_when_a_batch_is_claimed(
    church: KnownChurch,
    database: Database,
    job_queue: RedisJobQueue,
    work: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
    keeps_quiet_hours: bool,
    status: Status,
) -> None:
    monkeypatch.setattr(NoteChannel, "keeps_quiet_hours", keeps_quiet_hours)
    message = expanded(database, church.church_id, channel="note")
    close_hours(database, church)

    job_queue.enqueue_batch(channel="note", church_id=church.church_id)
    work("note")

    assert counts(database, church.church_id, message) == {status: 3}


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"colour": "green"}, "colour", "must be yellow or pink"),
        ({"content": "x" * 101}, "content", "does not fit on a note"),
        ({"subject": "x"}, "subject", "is only allowed when channel is mail"),
        ({"channel": "sms"}, "colour", "is only allowed when channel is note"),
    ],
)
def test_its_field_errors_are_returned(
    client: FlaskClient, church: KnownChurch, changes: dict[str, Any], field: str, message: str
) -> None:
    response = send(client, church, **changes)

    assert response.status_code == 422
    assert response.get_json()["errors"] == [{"field": field, "message": message}]


def test_it_has_a_queue_and_its_fields_are_documented(settings: Settings) -> None:
    document = describe(described_endpoints(), public_url="https://x.example.org")
    schema = document["components"]["schemas"]["Composition"]

    assert enabled_queues(settings) == ("sms", "mms", "mail", "note", "analytics")
    assert schema["properties"]["colour"]["description"] == "Of the paper. Only for note."
    assert "note" in schema["properties"]["channel"]["enum"]
    assert schema["additionalProperties"] is False
    assert document["paths"]["/callbacks/note/{deliveryId}/{attempt}"]["post"]["operationId"] == "takeNoteReceipt"


def test_its_queue_is_not_served_when_it_is_switched_off(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:

    def is_never_enabled(_channel: NoteChannel, _settings: Settings) -> bool:
        return False

    monkeypatch.setattr(NoteChannel, "is_enabled", is_never_enabled)

    assert "note" not in enabled_queues(settings)


def test_its_callback_route_refuses_what_it_cannot_verify_or_read(client: FlaskClient) -> None:
    address, key = f"/callbacks/note/{uuid4()}/1", {"X-Box-Key": "open sesame"}

    forged = client.post(address, data={"note": "1"})
    malformed = client.post(address, data={"other": "1"}, headers=key)

    assert (forged.status_code, forged.get_json()["detail"]) == (403, "The key of the box is missing.")
    assert malformed.status_code == 422
    assert malformed.get_json()["errors"] == [{"field": "body", "message": "note is missing"}]
    assert client.post(address, data=b"x" * 70_000, content_type=FORM, headers=key).status_code == 413
    assert client.post(address, json={}, headers=key).status_code == 415
    assert client.get(address).status_code == 405


def test_its_inbound_route_stores_a_message_and_heeds_its_keyword(
    client: FlaskClient, database: Database, church: KnownChurch
) -> None:
    (route,) = NoteChannel().inbound_routes
    note = {"from": "+12025550101", "to": "the vestry", "text": "Please stop", "note": f"note-{uuid4()}"}

    refused = client.post(route.path, data=note)
    answer = client.post(route.path, data=note, headers={"X-Box-Key": "open sesame"})

    assert (refused.status_code, answer.status_code) == (403, 204)
    with system_scope(database) as connection:
        stored = connection.execute(
            "SELECT channel, keyword FROM inbound_messages WHERE carrier_id = %s", (note["note"],)
        ).fetchall()
        listed = opt_outs.list_opt_outs(connection, church_id=church.church_id)
    assert stored == [("note", "opt_out")]
    assert [each.address for each in listed] == ["+12025550101"]
