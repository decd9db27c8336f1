"""Merge fields end to end: what real workers submit to the carrier and to the mail server for each recipient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from api.app import create_app
from api.services import services
from jobs.job_queue.job_kinds import RECONCILE, SWEEP
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store import contacts
from store.contacts import Person
from store.database import Database, church_scope, system_scope
from tests.harness.churches import KnownChurch, create_church
from tests.harness.mails import SECRET
from tests.harness.senders import set_mail_sender
from tests.integration.jobs.conftest import RunWorker, counts
from tools.sandbox.control import Faults, Sandbox
from tools.sandbox.mail.control import MailSandbox, parsed

RUTH, BOAZ = "+12025550123", "+12025550124"


@pytest.fixture
def settings(settings: Settings, mail_sandbox: MailSandbox) -> Settings:
    return settings.model_copy(
        update={
            "smtp_url": mail_sandbox.smtp_url,
            "secret_key": SecretStr(SECRET),
            "reconcile_first_seconds": 0.01,
            "reconcile_reads": 1,
        }
    )


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
    set_mail_sender(database, church.church_id)
    people = [
        Person(name="Ruth Miller", phone=RUTH, email="ruth@example.org"),
        Person(name="Boaz", phone=BOAZ, email="boaz@example.org"),
    ]
    with church_scope(database, church.church_id) as connection:
        connection.execute("INSERT INTO contact_fields (church_id, name) VALUES (%s, 'note')", [church.church_id])
        contacts.add(connection, church_id=church.church_id, people=people)
        connection.execute(
            "UPDATE contacts SET fields = %s WHERE phone = %s", [Jsonb({"note": "<b>{{phone}}</b>"}), RUTH]
        )
    return church


def post(client: FlaskClient, church: KnownChurch, content: str, **changes: Any) -> UUID:
    body = {"churchId": str(church.church_id), "content": content, "targetType": "all", **changes}
    answer = client.post("/api/messages/send", json=body, headers=church.bearer)
    assert answer.status_code == 202, answer.text
    return UUID(answer.get_json()["id"])


def bodies(sandbox: Sandbox) -> set[tuple[str, str]]:
    return {(row.to, row.body) for row in sandbox.ledger()}


def test_each_recipient_is_texted_its_own_words(
    client: FlaskClient, church: KnownChurch, work: RunWorker, sandbox: Sandbox
) -> None:
    post(client, church, "Hi {{firstName}} {{lastName}}, {{note|no note}}")
    work("sms")

    assert bodies(sandbox) == {(RUTH, "Hi Ruth Miller, <b>{{phone}}</b>"), (BOAZ, "Hi Boaz, no note")}


def test_a_conversation_shows_the_words_that_the_person_got(
    client: FlaskClient, church: KnownChurch, work: RunWorker
) -> None:
    post(client, church, "Hi {{firstName}} {{lastName}}, {{note|no note}}")
    work("sms")
    with_phones = client.get("/api/contacts", headers=church.bearer).get_json()["items"]
    ids = {contact["phone"]: contact["id"] for contact in with_phones}

    shown = {
        phone: client.get(f"/api/conversations/{ids[phone]}", headers=church.bearer).get_json()["items"]
        for phone in (RUTH, BOAZ)
    }

    assert [item["content"] for item in shown[RUTH]] == ["Hi Ruth Miller, <b>{{phone}}</b>"]
    assert [item["content"] for item in shown[BOAZ]] == ["Hi Boaz, no note"]


def test_a_mail_has_its_own_subject_and_its_values_are_escaped(
    client: FlaskClient, church: KnownChurch, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    post(client, church, "Dear {{firstName}}: {{note|nothing}}", channel="mail", subject="For {{name}}")
    work("mail")

    by_recipient = {mail.recipient: parsed(mail) for mail in mail_sandbox.mails()}
    assert {str(mail["Subject"]) for mail in by_recipient.values()} == {"For Ruth Miller", "For Boaz"}
    ruth = by_recipient["ruth@example.org"]
    plain, html = ruth.get_body(("plain",)), ruth.get_body(("html",))
    assert plain is not None and "Dear Ruth: <b>{{phone}}</b>" in plain.get_content()
    assert html is not None and "Dear Ruth: &lt;b&gt;{{phone}}&lt;/b&gt;" in html.get_content()


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_text_in_doubt_is_found_by_its_words_or_sent_again_with_the_same(
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    work: RunWorker,
    job_queue: RedisJobQueue,
    sandbox: Sandbox,
    is_taken: bool,
) -> None:
    sandbox.set_faults(Faults(accept_then_drop=1.0) if is_taken else Faults(server_error=1.0))
    message = post(client, church, "Hi {{firstName}}")
    work("sms")
    sandbox.clear_faults()
    assert counts(database, church.church_id, message) == {Status.UNKNOWN: 2}
    with system_scope(database) as connection:
        connection.execute("UPDATE contacts SET name = 'Another'")
        connection.execute("UPDATE deliveries SET due_at = now(), updated_at = now() - interval '1 hour'")

    job_queue.enqueue_tick(RECONCILE)
    work("sms")
    job_queue.enqueue_tick(SWEEP)
    work("sms")
    job_queue.enqueue_batch(channel="sms", church_id=church.church_id)
    work("sms")

    assert counts(database, church.church_id, message) == {Status.SENT: 2}
    assert sorted(row.body for row in sandbox.ledger()) == ["Hi Boaz", "Hi Ruth"]
