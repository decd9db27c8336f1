"""Mail end to end: real workers, a real mail server, bounces, and the unsubscribe links in received mails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from redis import Redis

from api.app import create_app
from api.services import services
from jobs.clock.ticks import TICKS
from jobs.job_queue.redis_connection import rq_queue
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store import contacts
from store.contacts import Person
from store.database import Database, church_scope, system_scope
from tests.harness.churches import KnownChurch, create_church
from tests.harness.mails import SECRET, delivery_report
from tests.harness.senders import set_mail_sender
from tests.integration.jobs.conftest import RunWorker, counts, wait_until_enqueued
from tools.sandbox.mail.control import DROP, MailFault, MailSandbox, Step, TakenMail, parsed

TICK = {tick.kind.name: tick.kind for tick in TICKS}


@pytest.fixture
def settings(settings: Settings, mail_sandbox: MailSandbox) -> Settings:
    return settings.model_copy(
        update={
            "smtp_url": mail_sandbox.smtp_url,
            "secret_key": SecretStr(SECRET),
            "mail_bounce_domain": "bounces.example.org",
            "public_url": "https://texts.example.org",
            "smtp_timeout_seconds": 20.0,
            "smtp_connections": 4,
            "reconcile_first_seconds": 0.01,
            "reconcile_reads": 2,
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
    return church


def post(client: FlaskClient, church: KnownChurch, *to: str, **changes: Any) -> UUID:
    """Post a mail to these addresses or, without any, to all contacts. Returns the message's id."""
    target: dict[str, Any] = {"targetType": "addresses", "emailAddresses": to} if to else {"targetType": "all"}
    body = {
        "churchId": str(church.church_id),
        "channel": "mail",
        "subject": "This Sunday",
        "content": "See you there.\n\nGrace",
        **target,
        **changes,
    }
    response = client.post("/api/messages/send", json=body, headers=church.bearer)
    assert response.status_code == 202, response.text
    return UUID(response.get_json()["id"])


def opted_out(database: Database, church: KnownChurch) -> list[tuple[str, str]]:
    with church_scope(database, church.church_id) as connection:
        return connection.execute("SELECT address, source FROM opt_outs ORDER BY address").fetchall()


def make_everything_due(database: Database) -> None:
    """Whatever is due later is due now, and doubt has lasted an hour."""
    with system_scope(database) as connection:
        connection.execute("UPDATE deliveries SET due_at = now() WHERE status IN ('queued', 'unknown', 'sent')")
        connection.execute("UPDATE deliveries SET updated_at = now() - interval '1 hour' WHERE status = 'unknown'")
        connection.execute("UPDATE senders SET slowed_until = '-infinity'")


def reasons(database: Database, church: KnownChurch, message: UUID) -> list[tuple[str | None, str, str | None]]:
    with church_scope(database, church.church_id) as connection:
        return connection.execute(
            "SELECT address, status::text, reason FROM deliveries WHERE message_id = %s ORDER BY delivery_id",
            (message,),
        ).fetchall()


# --- sending ----------------------------------------------------------------------------------------------------------


def test_everyone_with_a_mail_address_gets_one_mail(
    client: FlaskClient, church: KnownChurch, database: Database, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    people = [
        Person(name="Ruth", phone="+12025550123", email="family@example.org"),
        Person(name="Boaz", phone="+12025550123", email="family@example.org"),
        Person(name="Amos", email="amos@example.org"),
        Person(name="Lea", phone="+12025550124"),
    ]
    with church_scope(database, church.church_id) as connection:
        contacts.add(connection, church_id=church.church_id, people=people)

    message = post(client, church)
    work("mail")

    assert sorted(mail.recipient for mail in mail_sandbox.mails()) == ["amos@example.org", "family@example.org"]
    assert {str(parsed(mail)["Subject"]) for mail in mail_sandbox.mails()} == {"This Sunday"}
    assert {str(parsed(mail)["From"]) for mail in mail_sandbox.mails()} == {"Grace <office@grace.example.org>"}
    assert counts(database, church.church_id, message) == {Status.SENT: 2, Status.SUPPRESSED: 2}
    assert {reason for _, status, reason in reasons(database, church, message) if status == "suppressed"} == {
        "duplicate",
        "no address",
    }


def test_a_text_goes_to_phone_numbers_and_a_mail_to_mail_addresses(
    client: FlaskClient, church: KnownChurch, database: Database, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    with church_scope(database, church.church_id) as connection:
        [ruth] = contacts.add(
            connection,
            church_id=church.church_id,
            people=[Person(name="Ruth", phone="+12025550123", email="ruth@example.org")],
        )
    listed = {"targetType": "contacts", "contactIds": [str(ruth.contact_id)]}
    mailed = post(client, church, **listed)
    body = {"churchId": str(church.church_id), "content": "Hello", **listed}
    texted = UUID(client.post("/api/messages/send", json=body, headers=church.bearer).get_json()["id"])
    work("mail")
    work("sms")

    assert [address for address, _, _ in reasons(database, church, mailed)] == ["ruth@example.org"]
    assert [address for address, _, _ in reasons(database, church, texted)] == ["+12025550123"]
    assert [mail.recipient for mail in mail_sandbox.mails()] == ["ruth@example.org"]


def test_accepted_mail_counts_as_sent_and_no_status_is_fetched(
    client: FlaskClient,
    church: KnownChurch,
    settings: Settings,
    database: Database,
    job_queue: RedisJobQueue,
    work: RunWorker,
) -> None:
    message = post(client, church, "ruth@example.org")
    work("mail")
    with system_scope(database) as connection:
        connection.execute("UPDATE messages SET completed_at = now() - interval '1 hour'")
        connection.execute("UPDATE deliveries SET updated_at = now() - interval '1 hour', due_at = now()")
        before = connection.execute("SELECT due_at FROM deliveries").fetchall()

    job_queue.enqueue_tick(TICK["fetch_receipts"])
    work("mail")

    with system_scope(database) as connection:
        assert connection.execute("SELECT due_at FROM deliveries").fetchall() == before
    assert counts(database, church.church_id, message) == {Status.SENT: 1}


def test_a_refused_recipient_fails_alone_and_a_greylisted_one_is_retried(
    client: FlaskClient, church: KnownChurch, database: Database, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    mail_sandbox.set_faults(
        MailFault(at=Step.RCPT, do="550 5.1.1 no", only_to="gone@example.org"),
        MailFault(at=Step.RCPT, do="450 4.2.0 later", only_to="grey@example.org", times=1),
    )
    message = post(client, church, "gone@example.org", "grey@example.org", "ruth@example.org")
    work("mail")
    assert counts(database, church.church_id, message) == {Status.FAILED: 1, Status.QUEUED: 1, Status.SENT: 1}

    make_everything_due(database)
    services(client.application).job_queue.enqueue_batch(channel="mail", church_id=church.church_id)
    work("mail")

    assert counts(database, church.church_id, message) == {Status.FAILED: 1, Status.SENT: 2}
    assert ("gone@example.org", "failed", "the mailbox does not exist") in reasons(database, church, message)


def test_no_job_is_enqueued_and_no_mail_is_lost_while_mail_is_switched_off(
    client: FlaskClient,
    church: KnownChurch,
    settings: Settings,
    database: Database,
    redis: Redis,
    work: RunWorker,
    mail_sandbox: MailSandbox,
) -> None:
    post(client, church, "ruth@example.org")
    wait_until_enqueued(client.application)
    redis.flushdb()
    off = RedisJobQueue(settings.model_copy(update={"mail_enabled": False}))

    for tick in TICKS:
        off.enqueue_tick(tick.kind)
    assert not off.enqueue_batch(channel="mail", church_id=church.church_id)
    assert not off.enqueue_expansion(channel="mail")
    work("analytics", with_settings=settings.model_copy(update={"mail_enabled": False}))
    assert len(rq_queue(redis, "mail")) == 0

    RedisJobQueue(settings).enqueue_tick(TICK["enqueue_due"])
    work("analytics")
    work("mail")
    assert len(mail_sandbox.mails()) == 1


# --- in doubt ---------------------------------------------------------------------------------------------------------


def test_a_mail_in_doubt_is_sent_again_with_the_same_id_and_then_waits_for_a_person(
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    job_queue: RedisJobQueue,
    work: RunWorker,
    mail_sandbox: MailSandbox,
) -> None:
    mail_sandbox.set_faults(MailFault(at=Step.ACCEPTED, do=DROP))
    message = post(client, church, "ruth@example.org")
    work("mail")
    assert counts(database, church.church_id, message) == {Status.UNKNOWN: 1}

    for _ in range(8):
        make_everything_due(database)
        job_queue.enqueue_tick(TICK["reconcile"])
        work("mail")
        job_queue.enqueue_batch(channel="mail", church_id=church.church_id)
        work("mail")

    ids = [str(parsed(mail)["Message-ID"]) for mail in mail_sandbox.mails()]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert counts(database, church.church_id, message) == {Status.UNKNOWN: 1}


def test_claims_without_a_submission_do_not_count_as_repeats_of_a_mail_in_doubt(
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    job_queue: RedisJobQueue,
    work: RunWorker,
    mail_sandbox: MailSandbox,
) -> None:
    mail_sandbox.set_faults(MailFault(at=Step.RCPT, do="450 4.2.0 later"))
    message = post(client, church, "ruth@example.org")
    work("mail")
    for _ in range(3):
        make_everything_due(database)
        job_queue.enqueue_batch(channel="mail", church_id=church.church_id)
        work("mail")
    mail_sandbox.set_faults(MailFault(at=Step.DOT, do=DROP, times=1))
    make_everything_due(database)
    job_queue.enqueue_batch(channel="mail", church_id=church.church_id)
    work("mail")
    assert counts(database, church.church_id, message) == {Status.UNKNOWN: 1}

    for _ in range(3):
        make_everything_due(database)
        job_queue.enqueue_tick(TICK["reconcile"])
        work("mail")
    job_queue.enqueue_batch(channel="mail", church_id=church.church_id)
    work("mail")

    assert counts(database, church.church_id, message) == {Status.SENT: 1}
    assert len(mail_sandbox.mails()) == 1


def test_a_mail_that_was_lost_once_is_sent_again(
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    job_queue: RedisJobQueue,
    work: RunWorker,
    mail_sandbox: MailSandbox,
) -> None:
    mail_sandbox.set_faults(MailFault(at=Step.DOT, do=DROP, times=1))
    message = post(client, church, "ruth@example.org")
    work("mail")
    assert mail_sandbox.mails() == []

    for _ in range(3):
        make_everything_due(database)
        job_queue.enqueue_tick(TICK["reconcile"])
        work("mail")
    job_queue.enqueue_batch(channel="mail", church_id=church.church_id)
    work("mail")

    assert counts(database, church.church_id, message) == {Status.SENT: 1}
    assert len(mail_sandbox.mails()) == 1


# --- unsubscribing ----------------------------------------------------------------------------------------------------


def link_in(mail: TakenMail) -> str:
    """The path of the URL in the List-Unsubscribe header (RFC 8058)."""
    found = re.search(r"^List-Unsubscribe: <(https://[^>\s]+)>\r$", mail.raw.decode("ascii"), re.MULTILINE)
    assert found
    assert re.search(r"^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r$", mail.raw.decode("ascii"), re.MULTILINE)
    assert urlsplit(found[1]).netloc == "texts.example.org"
    return urlsplit(found[1]).path


def send_one_mail(client: FlaskClient, church: KnownChurch, work: RunWorker, mail_sandbox: MailSandbox) -> TakenMail:
    post(client, church, "ruth@example.org")
    work("mail")
    return mail_sandbox.mails()[-1]


def test_one_click_unsubscribes_from_one_church_only(
    client: FlaskClient, church: KnownChurch, database: Database, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    other = create_church(database)
    set_mail_sender(database, other.church_id)
    link = link_in(send_one_mail(client, church, work, mail_sandbox))

    for _ in range(2):
        clicked = client.post(link, data={"List-Unsubscribe": "One-Click"})
        assert clicked.status_code == 200
        assert "Location" not in clicked.headers

    assert opted_out(database, church) == [("ruth@example.org", "unsubscribe link")]
    assert opted_out(database, other) == []
    later = post(client, church, "ruth@example.org", "amos@example.org")
    elsewhere = post(client, other, "ruth@example.org")
    work("mail")
    assert ("ruth@example.org", "suppressed", "opted out") in reasons(database, church, later)
    assert counts(database, church.church_id, later) == {Status.SUPPRESSED: 1, Status.SENT: 1}
    assert counts(database, other.church_id, elsewhere) == {Status.SENT: 1}


def test_the_links_in_both_parts_lead_to_the_same_page(
    client: FlaskClient, church: KnownChurch, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    mail = send_one_mail(client, church, work, mail_sandbox)

    for kind in ("plain", "html"):
        part = parsed(mail).get_body((kind,))
        assert part is not None
        assert f"https://texts.example.org{link_in(mail)}" in part.get_content()


def test_the_page_changes_nothing_until_its_button_is_pressed(
    client: FlaskClient, church: KnownChurch, database: Database, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    link = link_in(send_one_mail(client, church, work, mail_sandbox))

    page, headers_only = client.get(link), client.head(link)
    assert (page.status_code, headers_only.status_code) == (200, 200)
    assert '<form method="post">' in page.text
    assert "r***@example.org" in page.text
    assert "ruth" not in page.text
    assert opted_out(database, church) == []

    pressed = client.post(link)
    assert "You are unsubscribed" in pressed.text
    assert "You are unsubscribed" in client.get(link).text
    assert opted_out(database, church) == [("ruth@example.org", "unsubscribe link")]


def test_unsubscribing_during_a_send_suppresses_deliveries_that_are_not_submitted(
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    work: RunWorker,
    mail_sandbox: MailSandbox,
) -> None:
    link = link_in(send_one_mail(client, church, work, mail_sandbox))
    mail_sandbox.set_faults(MailFault(at=Step.RCPT, do="450 4.2.0 later", times=1))
    message = post(client, church, "ruth@example.org")
    work("mail")
    assert counts(database, church.church_id, message) == {Status.QUEUED: 1}

    client.post(link)
    make_everything_due(database)
    services(client.application).job_queue.enqueue_batch(channel="mail", church_id=church.church_id)
    work("mail")

    assert counts(database, church.church_id, message) == {Status.SUPPRESSED: 1}


def test_an_invalid_unsubscribe_link_is_not_found_and_changes_nothing(
    client: FlaskClient, church: KnownChurch, database: Database, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    path, _, token = link_in(send_one_mail(client, church, work, mail_sandbox)).rpartition("/")
    changed = ("A" if token[0] != "A" else "B") + token[1:]

    for invalid in ("x", "A" * 43, token[:-1], changed):
        for send in (client.get, client.post):
            response = send(f"{path}/{invalid}")
            assert response.status_code == 404, invalid
            assert "This link does not work" in response.text, invalid

    assert opted_out(database, church) == []


def test_the_page_loads_nothing_from_other_hosts_and_has_no_scripts(
    client: FlaskClient, church: KnownChurch, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    page = client.get(link_in(send_one_mail(client, church, work, mail_sandbox)))

    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; form-action 'self'")
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "<script" not in page.text
    assert 'lang="en"' in page.text
    assert client.get(re.findall(r'href="(/unsubscribe/static/[^"]+)"', page.text)[0]).mimetype == "text/css"


# --- bounces ----------------------------------------------------------------------------------------------------------


def bounce(client: FlaskClient, raw: bytes, **query: str) -> int:
    return client.post("/callbacks/mail", query_string=query, data=raw, content_type="message/rfc822").status_code


def test_an_address_that_does_not_exist_gets_no_more_mail(
    client: FlaskClient, church: KnownChurch, database: Database, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    message = post(client, church, "ruth@example.org")
    work("mail")
    report = delivery_report(mail_sandbox.mails()[-1].sender)

    assert [bounce(client, report), bounce(client, report)] == [204, 204]
    work("analytics")

    assert counts(database, church.church_id, message) == {Status.UNDELIVERED: 1}
    assert opted_out(database, church) == [("ruth@example.org", "bounce")]
    later = post(client, church, "ruth@example.org")
    work("mail")
    assert reasons(database, church, later) == [("ruth@example.org", "suppressed", "bounced before")]


def test_another_bounce_ends_only_the_delivery_and_a_delay_report_changes_nothing(
    client: FlaskClient, church: KnownChurch, database: Database, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    first, second = post(client, church, "ruth@example.org"), post(client, church, "amos@example.org")
    work("mail")
    to_ruth, to_amos = sorted(mail_sandbox.mails(), key=lambda mail: mail.recipient, reverse=True)

    bounce(client, delivery_report("postmaster@example.org", status="5.7.1"), recipient=to_ruth.sender)
    bounce(client, delivery_report(to_amos.sender, action="delayed", status="4.4.7"))
    work("analytics")

    assert counts(database, church.church_id, first) == {Status.UNDELIVERED: 1}
    assert counts(database, church.church_id, second) == {Status.SENT: 1}
    assert opted_out(database, church) == []


def test_a_bounce_resolves_a_mail_in_doubt(
    client: FlaskClient, church: KnownChurch, database: Database, work: RunWorker, mail_sandbox: MailSandbox
) -> None:
    mail_sandbox.set_faults(MailFault(at=Step.ACCEPTED, do=DROP))
    message = post(client, church, "ruth@example.org")
    work("mail")

    bounce(client, delivery_report(mail_sandbox.mails()[-1].sender, status="5.2.2"))
    work("analytics")

    assert counts(database, church.church_id, message) == {Status.UNDELIVERED: 1}


@pytest.mark.parametrize("address", ["postmaster@bounces.example.org", "bounce+aaaa@bounces.example.org"])
def test_a_bounce_to_an_address_that_is_not_ours_is_refused_and_counted(
    client: FlaskClient, church: KnownChurch, database: Database, address: str
) -> None:
    assert bounce(client, delivery_report(address)) == 403

    with system_scope(database) as connection:
        assert connection.execute("SELECT channel, refused FROM refused_callbacks").fetchall() == [("mail", 1)]


def test_a_bounce_that_is_not_a_mail_is_refused(client: FlaskClient) -> None:
    assert client.post("/callbacks/mail", data={"a": "b"}).status_code == 415
