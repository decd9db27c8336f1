"""A carrier that does not answer, and one that answers with errors."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from processes import child_process
from tests.harness.private_postgres import PrivatePostgres
from tests.harness.sandbox_carrier import sandbox_process
from tests.harness.suspended_process import suspended
from tests.harness.waiting import wait_until
from tests.harness.webhook_receiver import WebhookReceiver
from tests.integration.jobs.monitoring.conftest import Watch

pytestmark = pytest.mark.usefixtures("quiet_queues")


def test_a_carrier_that_is_killed_is_told_once(watch: Watch, webhook: WebhookReceiver, tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "carrier.log") as (url, process), watch(twilio_api_base_url=url):
        child_process.kill(process)
        wait_until(lambda: webhook.alerts("open", "carrier-unreachable"))

    [alert] = webhook.alerts()
    assert alert["summary"] == "the carrier of sms and mms gives no answer (ConnectionRefusedError)"


def test_a_carrier_that_stands_still_is_told_once_and_so_is_its_recovery(
    watch: Watch, webhook: WebhookReceiver, tmp_path: Path
) -> None:
    with sandbox_process(tmp_path / "carrier.log") as (url, process), watch(twilio_api_base_url=url):
        with suspended(process.pid):
            wait_until(lambda: webhook.alerts("open", "carrier-unreachable"), 60.0)
        wait_until(lambda: webhook.alerts("recovered", "carrier-unreachable"), 60.0)

    assert len(webhook.alerts()) == 2


def test_a_mail_server_that_is_away_is_told(watch: Watch, webhook: WebhookReceiver, free_port: int) -> None:
    mail = {"mail_enabled": True, "smtp_url": f"smtp://127.0.0.1:{free_port}?starttls=never", "secret_key": "s" * 32}
    with watch(**mail):
        wait_until(lambda: webhook.alerts("open", "carrier-unreachable"))

    assert "carrier of mail" in webhook.alerts("open", "carrier-unreachable")[0]["summary"]


def test_submissions_that_fail_are_told_also_after_a_change_of_the_watcher(
    watch: Watch, webhook: WebhookReceiver, postgres: PrivatePostgres
) -> None:
    """The first watcher stores the counts before, the second one sees those after."""
    count(postgres, "accepted", 1000)
    with watch("clock"):
        wait_until(lambda: postgres.execute("SELECT 1 FROM alert_samples"))
    count(postgres, "transient", 30)
    count(postgres, "accepted", 70)

    with watch("clock"):
        wait_until(lambda: webhook.alerts("open", "carrier-errors"))

    assert webhook.alerts()[0]["summary"] == "30% of the sms submissions within ten minutes failed"


def count(postgres: PrivatePostgres, result: str, number: int) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection, connection.transaction():
        connection.execute("SELECT set_config('koinonia.scope', 'system', true)")
        connection.execute(
            "INSERT INTO metric_changes (name, labels, value) VALUES ('koinonia_submissions_total', %s, %s)",
            (Jsonb({"channel": "sms", "result": result}), number),
        )
