"""bin/run starts the servers that are not configured."""

from __future__ import annotations

import os

import pytest

from tools.local.environment import ROOT, LocalError, read_config

ACCOUNT = {"TWILIO_ACCOUNT_SID": "AC0", "TWILIO_AUTH_TOKEN": "t"}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("variables", "postgres", "valkey", "sandbox"),
    [
        ({}, True, True, True),
        ({"DATABASE_URL": "postgresql://x"}, False, True, True),
        ({"REDIS_URL": "redis://x"}, True, False, True),
        ({"REDIS_URL": ""}, True, True, True),
        ({"ENABLE_QUEUES": "false"}, True, False, True),
        ({"ENABLE_QUEUES": "False"}, True, False, True),
        ({"ENABLE_QUEUES": "true"}, True, True, True),
        (ACCOUNT, True, True, False),
    ],
)
def test_servers_that_are_not_configured_are_needed(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], postgres: bool, valkey: bool, sandbox: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    config = read_config()
    assert (config.needs_postgres, config.needs_valkey, config.needs_sandbox) == (postgres, valkey, sandbox)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TWILIO_ACCOUNT_SID": "AC0"}, "set both TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"),
        ({"TWILIO_AUTH_TOKEN": "t"}, "set both TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"),
        ({"PORT": "http"}, "PORT must be a number"),
        ({"PORT": "65536"}, "PORT must be a number"),
    ],
)
def test_invalid_variables_are_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LocalError, match=message):
        read_config()


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104
        ("10.0.0.7", "http://10.0.0.7:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_the_base_url_follows_host(monkeypatch: pytest.MonkeyPatch, host: str, base_url: str) -> None:
    monkeypatch.setenv("HOST", host)
    assert read_config().base_url == base_url


def test_the_var_folder_is_in_the_project_unless_var_dir_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_config().var_dir == ROOT / "var"
    monkeypatch.setenv("VAR_DIR", "/elsewhere")
    assert str(read_config().var_dir) == "/elsewhere"
