"""How notices reach people: each way by itself, repeated until it arrives, and not twice."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import pytest
from pydantic import SecretStr

from jobs.monitoring.notices import MOST_ATTEMPTS
from settings import Settings
from tests.harness.private_postgres import PrivatePostgres
from tests.harness.private_redis import PrivateRedis
from tests.harness.waiting import wait_until
from tests.harness.webhook_receiver import WebhookReceiver
from tests.integration.jobs.monitoring.conftest import Watch, pretend_workers
from tools.sandbox.control import Sandbox
from tools.sandbox.mail.control import MailSandbox, parsed

pytestmark = pytest.mark.usefixtures("quiet_queues")

SECRET = "a secret for the webhook"
OPEN = (
    "INSERT INTO incidents VALUES (uuidv7(), 'database-size', '', now(), now(), NULL, NULL, 'the database is large', "
    "'{}', 3, '[]', 1)"
)
"""An incident that no check judges here: it stays open."""
TOLD = "SELECT told_at IS NOT NULL FROM incidents"


def test_every_way_gets_one_notice_and_one_recovery(
    redis_server: PrivateRedis,
    webhook: WebhookReceiver,
    sandbox: Sandbox,
    mail_sandbox: MailSandbox,
    watch: Watch,
    settings: Settings,
) -> None:
    ways = {
        "smtp_url": mail_sandbox.smtp_url,
        "alert_mail_to": "ruth@example.org,naomi@example.org",
        "alert_mail_from": "alerts@example.org",
        "alert_text_to": "+12025550123",
        "alert_text_from": "+15005550006",
        "mail_enabled": False,
    }
    with watch(**ways):
        redis_server.kill()
        wait_until(lambda: len(webhook.alerts()) == len(sandbox.ledger()) == 1 and len(mail_sandbox.mails()) == 2)
        redis_server.start()
        pretend_workers(settings)
        wait_until(lambda: len(webhook.alerts()) == len(sandbox.ledger()) == 2 and len(mail_sandbox.mails()) == 4)

    assert {mail.recipient for mail in mail_sandbox.mails()} == {"ruth@example.org", "naomi@example.org"}
    mail = parsed(mail_sandbox.mails()[0])
    assert mail["Subject"] == "texts.example.org: ALERT redis-down: Redis does not answer (ConnectionError)"
    first, second = sandbox.ledger()
    assert first.to == "+12025550123"
    assert "flask check-redis; docs/operations.md#redis-down" in first.body
    assert first.status_callback is None
    assert "RECOVERED" in second.body


def test_a_notice_to_the_webhook_can_be_verified(
    webhook: WebhookReceiver, watch: Watch, postgres: PrivatePostgres
) -> None:
    postgres.execute(OPEN)

    with watch(alert_webhook_secret=SecretStr(SECRET)):
        wait_until(lambda: webhook.requests)

    headers, body = webhook.requests[0]
    timestamp, _, digest = headers["Koinonia-Signature"].partition(",v1=")
    signed = timestamp.removeprefix("t=").encode() + b"." + body
    assert digest == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert "Runbook: docs/operations.md#database-size" in json.loads(body)["text"]


def test_a_webhook_that_fails_is_tried_again_and_delays_no_other_way(
    webhook: WebhookReceiver, mail_sandbox: MailSandbox, watch: Watch, postgres: PrivatePostgres
) -> None:
    webhook.status = 500
    postgres.execute(OPEN)

    with watch(smtp_url=mail_sandbox.smtp_url, alert_mail_to="r@example.org", alert_mail_from="a@example.org"):
        wait_until(lambda: mail_sandbox.mails() and webhook.arrived)
        webhook.status = 200
        wait_until(lambda: webhook.alerts())
        time.sleep(1.0)  # many rounds

    assert (len(webhook.alerts()), len(mail_sandbox.mails())) == (1, 1)


def test_a_webhook_that_hangs_delays_neither_checks_nor_other_ways(
    webhook: WebhookReceiver,
    mail_sandbox: MailSandbox,
    watch: Watch,
    postgres: PrivatePostgres,
    redis_server: PrivateRedis,
) -> None:
    webhook.hangs = True
    postgres.execute(OPEN)

    with watch(smtp_url=mail_sandbox.smtp_url, alert_mail_to="r@example.org", alert_mail_from="a@example.org"):
        wait_until(lambda: webhook.arrived == 1 and mail_sandbox.mails())
        redis_server.kill()
        wait_until(lambda: len(mail_sandbox.mails()) == 2)
        assert webhook.arrived == 1  # the first attempt still waits

    assert webhook.alerts() == []


def test_two_watchers_at_once_tell_once(webhook: WebhookReceiver, watch: Watch, postgres: PrivatePostgres) -> None:
    with watch("clock"), watch("worker"), watch("clock"):
        postgres.execute(OPEN)
        wait_until(lambda: webhook.alerts())
        time.sleep(2.0)  # many rounds of each

    assert len(webhook.alerts()) == 1


def test_an_attempt_is_stored_before_it_begins(
    webhook: WebhookReceiver, watch: Watch, postgres: PrivatePostgres
) -> None:
    """So a watcher that is killed while it tells leaves a trace, and the repetitions have a bound."""
    webhook.hangs = True
    postgres.execute(OPEN)

    with watch():
        wait_until(lambda: webhook.arrived)
        stored = postgres.execute("SELECT notices -> 0 ->> 'attempts', notices -> 0 ->> 'toldAt' FROM incidents")

    assert stored == [("1", None)]


def test_a_watcher_killed_after_it_told_and_before_it_recorded_that_causes_one_repetition(
    webhook: WebhookReceiver, watch: Watch, postgres: PrivatePostgres
) -> None:
    """What is stored then: one attempt, without a result. The next attempt is due once the first must have ended."""
    attempt = (
        '[{"phase": "opened", "way": "webhook", "attempts": 1, "nextAttemptAt": "2026-01-01T00:00:00+00:00", '
        '"toldAt": null, "error": "the attempt did not end"}]'
    )
    postgres.execute(OPEN.replace("'[]'", f"'{attempt}'"))  # pyright: ignore[reportArgumentType]

    with watch():
        wait_until(lambda: webhook.alerts())
        wait_until(lambda: postgres.execute(TOLD) == [(True,)])
        time.sleep(1.0)  # many rounds

    assert len(webhook.alerts()) == 1


def test_a_watcher_that_is_killed_again_and_again_while_telling_stops_at_a_bound(
    webhook: WebhookReceiver, watch: Watch, postgres: PrivatePostgres
) -> None:
    attempt = (
        f'[{{"phase": "opened", "way": "webhook", "attempts": {MOST_ATTEMPTS}, '
        '"nextAttemptAt": "2026-01-01T00:00:00+00:00", "toldAt": null, "error": "the attempt did not end"}]'
    )
    postgres.execute(OPEN.replace("'[]'", f"'{attempt}'"))  # pyright: ignore[reportArgumentType]

    with watch():
        wait_until(lambda: postgres.execute("SELECT 1 FROM watchers"))
        time.sleep(1.0)  # many rounds

    assert webhook.arrived == 0


def test_a_silenced_incident_is_recorded_and_told_when_the_silence_ends(
    webhook: WebhookReceiver, watch: Watch, postgres: PrivatePostgres
) -> None:
    postgres.execute("INSERT INTO alert_silences VALUES ('database-size', now() + interval '1 hour', 'moving', 'ruth')")
    postgres.execute(OPEN)

    with watch():
        wait_until(lambda: postgres.execute("SELECT 1 FROM watchers"))
        time.sleep(1.0)  # many rounds
        assert webhook.arrived == 0
        postgres.execute("DELETE FROM alert_silences")
        wait_until(lambda: webhook.alerts())

    assert len(webhook.alerts()) == 1
