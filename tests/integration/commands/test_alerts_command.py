"""`flask alerts`: what is listed, the test notice, and silences."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from store import audit
from store.database import Database, system_scope
from tests.harness.webhook_receiver import WebhookReceiver, webhook_receiver
from tests.integration.commands.conftest import Run

INSERT = """
INSERT INTO incidents (incident_id, kind, subject, opened_at, last_seen_at, told_at, recovered_at, summary, facts,
                       checks_to_recover, notices, version)
SELECT uuidv7(), 'worker-missing', queue, now() - interval '1 hour', now(), NULL, recovered_at,
       'no worker serves ' || queue, '{"waitingJobs": 7}', 3,
       '[{"phase": "opened", "way": "webhook", "attempts": 1, "nextAttemptAt": "2027-01-03T09:00:00+00:00",
          "toldAt": null, "error": "HTTP 500"}]', 1
FROM (VALUES ('sms', NULL), ('mail', now())) AS listed (queue, recovered_at)
"""


@pytest.fixture
def webhook() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        yield receiver


@pytest.fixture
def incidents(database: Database) -> None:
    with system_scope(database) as connection:
        connection.execute(INSERT)


@pytest.mark.usefixtures("incidents")
def test_open_incidents_come_first_then_those_that_are_over(run: Run) -> None:
    result = run("alerts")

    assert result.exit_code == 0
    heading, first, second = result.stdout.splitlines()[-3:]
    assert heading.split() == ["STATE", "KIND", "SUBJECT", "SINCE", "UNTIL", "TOLD", "WHAT"]
    assert first.split()[:3] == ["open", "worker-missing", "sms"]
    assert second.split()[:3] == ["over", "worker-missing", "mail"]
    assert "webhook failed (HTTP 500)" in first


@pytest.mark.usefixtures("incidents")
def test_the_list_is_also_json(run: Run) -> None:
    listed = json.loads(run("alerts", "--json").stdout)

    assert [(each["subject"], each["facts"]) for each in listed["incidents"]] == [
        ("sms", {"waitingJobs": 7}),
        ("mail", {"waitingJobs": 7}),
    ]
    assert listed["silences"] == listed["watchers"] == []


def test_without_incidents_it_says_so_and_who_watches(run: Run) -> None:
    output = run("alerts").stdout

    assert "No incident is open." in output
    assert "Watched by: nobody" in output
    assert "set ALERT_WEBHOOK_URL" in output


def test_the_test_notice_says_what_each_way_answered(run: Run, webhook: WebhookReceiver) -> None:
    result = run("alerts", "--test", alert_webhook_url=webhook.url)
    assert (result.exit_code, result.stdout) == (0, "webhook: told\n")
    assert "TEST" in webhook.texts()[0]

    webhook.status = 403
    result = run("alerts", "--test", alert_webhook_url=webhook.url)
    assert (result.exit_code, result.stdout) == (1, "webhook: HTTP 403\n")


def test_the_test_notice_needs_a_way(run: Run) -> None:
    result = run("alerts", "--test")

    assert result.exit_code == 1
    assert "ALERT_WEBHOOK_URL" in result.stdout


def test_a_silence_is_listed_and_ended_and_both_are_in_the_audit(run: Run, database: Database) -> None:
    assert "Not told until" in run("alerts", "silence", "all", "--hours", "2", "--reason", "moving the database").stdout
    assert "all (moving the database; " in run("alerts").stdout
    assert run("alerts", "unsilence", "all").stdout == "Told again: all.\n"
    assert run("alerts", "unsilence", "all").stdout == "There is no silence of all.\n"

    with system_scope(database) as connection:
        events = audit.list_events(connection, limit=10)
    assert [(event.action, event.subject) for event in events] == [
        ("alerts.unsilenced", "all"),
        ("alerts.silenced", "all"),
    ]


@pytest.mark.parametrize(
    "arguments",
    [("everything", "--reason", "x"), ("all",), ("all", "--hours", "0", "--reason", "x"), ("all", "--reason", " ")],
)
def test_an_invalid_silence_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("alerts", "silence", *arguments).exit_code == 2
