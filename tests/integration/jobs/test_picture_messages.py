"""Picture messages end to end: accepted, expanded, submitted by a worker, and reported by signed callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from api.app import create_app
from api.services import services
from jobs.job_queue.job_kinds import RECONCILE
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch, create_church
from tests.harness.media_server import MediaServer, picture, serving
from tests.harness.senders import set_picture_sender
from tests.integration.jobs.conftest import RunWorker, counts
from tools.sandbox.control import Faults, LedgerRow, Sandbox
from tools.sandbox.credentials import AUTH_TOKEN

RUTH, AMOS = "+12025550123", "+12025550124"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    soon = {"reconcile_first_seconds": 0.01, "reconcile_reads": 2}
    return settings.model_copy(update={"media_allow_private": True, **soon})


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
    set_picture_sender(database, church.church_id)
    return church


@pytest.fixture
def media() -> Iterator[MediaServer]:
    with serving({"/flyer.jpg": picture(), "/map.png": picture(2_000, "image/png")}) as server:
        yield server


def post(client: FlaskClient, church: KnownChurch, media: MediaServer, *to: str, **changes: Any) -> UUID:
    body = {
        "churchId": str(church.church_id),
        "channel": "mms",
        "mediaUrls": [f"http://127.0.0.1:{media.port}{path}" for path in ("/flyer.jpg", "/map.png")],
        "targetType": "numbers",
        "phoneNumbers": to,
        **changes,
    }
    response = client.post("/api/messages/send", json=body, headers=church.bearer)
    assert response.status_code == 202, response.text
    return UUID(response.get_json()["id"])


def call_back(client: FlaskClient, row: LedgerRow, settings: Settings) -> int:
    """Post the carrier's callback with the message's last status, signed. Returns the response's status."""
    assert row.status_callback is not None
    form = {"MessageSid": row.sid, "MessageStatus": row.status}
    if row.error_code is not None:
        form["ErrorCode"] = str(row.error_code)
    signature = RequestValidator(AUTH_TOKEN).compute_signature(row.status_callback, form)
    path = row.status_callback.removeprefix(settings.public_url)
    return client.post(path, data=form, headers={"X-Twilio-Signature": signature}).status_code


@pytest.mark.parametrize("content", ["", "Harvest supper: come & see"])
def test_pictures_reach_each_recipient_once(
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    settings: Settings,
    work: RunWorker,
    sandbox: Sandbox,
    media: MediaServer,
    content: str,
) -> None:
    message = post(client, church, media, RUTH, AMOS, RUTH, content=content)

    work("mms")
    rows = sandbox.ledger()
    assert sorted((row.to, row.body, row.num_media) for row in rows) == [(RUTH, content, 2), (AMOS, content, 2)]
    assert {row.sid[:2] for row in rows} == {"MM"}
    assert counts(database, church.church_id, message) == {Status.SENT: 2, Status.SUPPRESSED: 1}

    sandbox.wait_until_quiet()
    for row in sandbox.ledger():
        assert row.status_callback is not None
        assert row.status_callback.startswith(f"{settings.public_url}/callbacks/mms/")
        assert call_back(client, row, settings) == 204
    work("analytics")
    assert counts(database, church.church_id, message) == {Status.DELIVERED: 2, Status.SUPPRESSED: 1}
    assert len(media.requests) == 2, "each picture was fetched once, by the API"


def test_a_delivery_whose_pictures_the_carrier_cannot_fetch_fails_with_the_carriers_code(
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    settings: Settings,
    work: RunWorker,
    sandbox: Sandbox,
    media: MediaServer,
) -> None:
    message = post(client, church, media, "+15005511200", RUTH)
    work("mms")
    sandbox.wait_until_quiet()

    for row in sandbox.ledger():
        assert call_back(client, row, settings) == 204
    work("analytics")
    work("mms")

    assert counts(database, church.church_id, message) == {Status.FAILED: 1, Status.DELIVERED: 1}
    with system_scope(database) as connection:
        codes = connection.execute("SELECT error_code FROM deliveries WHERE status = 'failed'").fetchall()
    assert codes == [("11200",)]
    assert len(sandbox.ledger()) == 2


def send_into_doubt(
    client: FlaskClient, church: KnownChurch, media: MediaServer, work: RunWorker, sandbox: Sandbox, faults: Faults
) -> UUID:
    """Send two pictures to Ruth that end in doubt because of these faults. Returns the message's id."""
    sandbox.set_faults(faults)
    message = post(client, church, media, RUTH)
    work("mms")
    sandbox.clear_faults()
    return message


def reconcile(database: Database, job_queue: RedisJobQueue, work: RunWorker) -> None:
    with system_scope(database) as connection:
        connection.execute("UPDATE deliveries SET due_at = now() WHERE status = 'unknown'")
    job_queue.enqueue_tick(RECONCILE)
    work("mms")


def test_pictures_in_doubt_that_the_carrier_has_are_recorded_as_sent(
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    work: RunWorker,
    sandbox: Sandbox,
    job_queue: RedisJobQueue,
    media: MediaServer,
) -> None:
    message = send_into_doubt(client, church, media, work, sandbox, Faults(accept_then_drop=1.0))
    assert counts(database, church.church_id, message) == {Status.UNKNOWN: 1}

    reconcile(database, job_queue, work)

    assert counts(database, church.church_id, message) == {Status.SENT: 1}
    assert len(sandbox.ledger()) == 1


def test_a_message_with_another_number_of_pictures_is_not_matched(
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    work: RunWorker,
    sandbox: Sandbox,
    job_queue: RedisJobQueue,
    media: MediaServer,
) -> None:
    message = send_into_doubt(client, church, media, work, sandbox, Faults(server_error=1.0))
    elsewhere = create_church(database)
    set_picture_sender(database, elsewhere.church_id)
    post(client, elsewhere, media, RUTH, mediaUrls=[f"http://127.0.0.1:{media.port}/flyer.jpg"])
    work("mms")

    reconcile(database, job_queue, work)

    assert counts(database, church.church_id, message) == {Status.UNKNOWN: 1}
    assert len(sandbox.ledger()) == 1
