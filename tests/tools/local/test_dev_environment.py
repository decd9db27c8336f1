"""What is configured is used; what is not is brought along."""

from __future__ import annotations

import os

import pytest

from tools.local.environment import ROOT, LocalError, read_local

ACCOUNT = {"TWILIO_ACCOUNT_SID": "AC0", "TWILIO_AUTH_TOKEN": "t"}


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("given", "postgres", "valkey", "sandbox"),
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
def test_what_is_brought_along(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], postgres: bool, valkey: bool, sandbox: bool
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    local = read_local()
    assert (local.needs_postgres, local.needs_valkey, local.needs_sandbox) == (postgres, valkey, sandbox)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"TWILIO_ACCOUNT_SID": "AC0"}, "set both TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"),
        ({"TWILIO_AUTH_TOKEN": "t"}, "set both TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"),
        ({"PORT": "http"}, "PORT must be a number"),
        ({"PORT": "65536"}, "PORT must be a number"),
    ],
)
def test_what_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], complaint: str) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LocalError, match=complaint):
        read_local()


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104
        ("10.0.0.7", "http://10.0.0.7:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_where_the_api_is_reached(monkeypatch: pytest.MonkeyPatch, host: str, base_url: str) -> None:
    monkeypatch.setenv("HOST", host)
    assert read_local().base_url == base_url


def test_the_folder_is_the_projects_own_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_local().var_dir == ROOT / "var"
    monkeypatch.setenv("VAR_DIR", "/elsewhere")
    assert str(read_local().var_dir) == "/elsewhere"
