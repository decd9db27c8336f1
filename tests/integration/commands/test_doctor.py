"""`flask doctor`: all checks, one verdict, and what to do first."""

from __future__ import annotations

import json
import re

import pytest

from settings import Settings
from tests.harness.command_line import run_flask
from tools.sandbox.control import Account, Sandbox
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN


@pytest.fixture
def variables(settings: Settings, sandbox: Sandbox) -> dict[str, str]:
    """All is in order, except that no worker runs and nothing listens at PUBLIC_URL."""
    return {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url or "",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_API_BASE_URL": sandbox.base_url,
        "PUBLIC_URL": "http://127.0.0.1:1",
    }


def test_it_runs_every_suite_and_ends_with_what_to_do_first(variables: dict[str, str]) -> None:
    done = run_flask("doctor", **variables)

    assert (done.returncode, done.stderr) == (1, "")
    assert [
        line for line in done.stdout.splitlines() if line.startswith(("settings:", "database:", "redis:", "carrier:"))
    ]
    verdict = done.stdout.splitlines()[-1]
    assert verdict == "6 of 40 TESTS FAILED. First: redis, Queue sms: start a worker: python worker.py sms"
    assert "❌ carrier, Callback server: ConnectionRefusedError" in done.stdout


def test_json_names_what_to_do_first(variables: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.set_account(Account(status="suspended"))

    done = run_flask("doctor", "--json", "--without-workers", **variables)

    document = json.loads(done.stdout)
    assert [check["check"] for check in document["checks"]] == ["settings", "database", "redis", "carrier"]
    assert document["passed"] is False
    assert document["doFirst"] == "ask Twilio's support why: console.twilio.com"


def test_a_missing_variable_comes_first_and_prevents_no_other_check(variables: dict[str, str]) -> None:
    del variables["PUBLIC_URL"]

    done = run_flask("doctor", "--without-workers", **variables)

    assert re.search(r"❌ 1/5 Variables … [0-9.]+ s: PUBLIC_URL: is missing", done.stdout)
    assert "redis: redis://" in done.stdout
    assert "database: postgresql://" in done.stdout
    assert "First: settings, Variables: set them" in done.stdout.splitlines()[-1]


def test_secrets_of_the_example_are_named(variables: dict[str, str]) -> None:
    done = run_flask("doctor", "--without-workers", **{**variables, "TWILIO_AUTH_TOKEN": "change-me"})

    assert "still contains change-me from .env.example: TWILIO_AUTH_TOKEN" in done.stdout
