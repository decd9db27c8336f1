"""The `flask` command where the configuration is missing or incomplete, or PostgreSQL is away: real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.commands import COMMANDS

ROOT = Path(__file__).parents[3]
COMPLETE = {
    "DATABASE_URL": "postgresql://koinonia@127.0.0.1:9/koinonia",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "token",
    "PUBLIC_URL": "http://127.0.0.1:9",
    "ENABLE_QUEUES": "false",
}


def flask_environment() -> dict[str, str]:
    """What Flask reads from the file by itself, unless it is told to skip such files."""
    [line] = [line for line in (ROOT / ".flaskenv").read_text().splitlines() if not line.startswith("#")]
    name, _, value = line.partition("=")
    return {name: value, "FLASK_SKIP_DOTENV": "1"}


def flask(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `flask` in the project's folder with the app that .flaskenv names, and without a developer's .env."""
    return run_flask(*arguments, variables={**flask_environment(), **variables})


def run_flask(*arguments: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    basic = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    program = str(Path(sys.executable).with_name("flask"))
    return subprocess.run(
        (program, *arguments),
        env={**basic, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_lists_every_command_without_any_configuration() -> None:
    done = flask("--help")

    assert done.returncode == 0
    assert [command.name for command in COMMANDS if f"\n  {command.name} " not in done.stdout] == []
    assert done.stderr == ""


def test_flask_finds_the_app_in_flaskenv() -> None:
    done = run_flask("--help", variables={})

    assert done.returncode == 0
    assert "create-church" in done.stdout


def test_the_help_of_a_command_needs_no_configuration() -> None:
    done = flask("create-church", "--help")

    assert done.returncode == 0
    assert "--sms-from" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [("list-keys",), ("create-church", "--name", "Hill Chapel"), ("check-redis",), ("routes",)],
    ids=lambda arguments: arguments[0],
)
def test_a_command_names_the_missing_variables_in_one_line(arguments: tuple[str, ...]) -> None:
    done = flask(*arguments, PUBLIC_URL="http://127.0.0.1:9")

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    for name in ("DATABASE_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"):
        assert f"{name}: is missing" in done.stderr
    assert "PUBLIC_URL" not in done.stderr


def test_a_command_that_needs_no_database_runs_without_one() -> None:
    done = flask("check-redis", **COMPLETE)

    assert done.returncode == 0, done.stderr
    assert "Queues are switched off" in done.stdout


def test_a_command_that_needs_the_database_says_when_it_is_away() -> None:
    done = flask("list-keys", **COMPLETE)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Error: The database cannot be reached: check DATABASE_URL."
    assert "Traceback" not in done.stderr


def test_the_routes_are_those_of_the_api() -> None:
    done = flask("routes", **COMPLETE)

    assert "/api/messages/send" in done.stdout
