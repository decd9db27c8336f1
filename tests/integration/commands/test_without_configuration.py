"""The `flask` command when the configuration is missing or incomplete, or PostgreSQL cannot be reached."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from flask.cli import cli

from api import command_line
from api.commands import COMMANDS
from settings import Settings

ROOT = Path(__file__).parents[3]
COMPLETE = {
    "DATABASE_URL": "postgresql://koinonia@127.0.0.1:9/koinonia",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "token",
    "PUBLIC_URL": "http://127.0.0.1:9",
    "ENABLE_QUEUES": "false",
}


Flask = Callable[..., Result]


@pytest.fixture
def flask(monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Runs `flask` in this process with the app that .flaskenv names, and without a developer's .env."""

    def invoke(*arguments: str, **variables: str) -> Result:
        monkeypatch.setattr(os, "environ", {**basic_environment(), **flaskenv(), "FLASK_SKIP_DOTENV": "1", **variables})
        return CliRunner().invoke(cli, arguments)

    return invoke


def basic_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}


def flaskenv() -> dict[str, str]:
    [line] = [line for line in (ROOT / ".flaskenv").read_text().splitlines() if not line.startswith("#")]
    name, _, value = line.partition("=")
    return {name: value}


def run_flask(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `flask` as a process in the project's folder."""
    program = str(Path(sys.executable).with_name("flask"))
    return subprocess.run(
        (program, *arguments),
        env={**basic_environment(), **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def test_flask_finds_the_app_in_flaskenv() -> None:
    done = run_flask("--help")

    assert done.returncode == 0
    assert "create-church" in done.stdout


def test_help_lists_every_command_without_any_configuration(flask: Flask) -> None:
    result = flask("--help")

    assert result.exit_code == 0
    assert [command.name for command in COMMANDS if f"\n  {command.name} " not in result.stdout] == []
    assert result.stderr == ""


def test_the_help_of_a_command_needs_no_configuration(flask: Flask) -> None:
    result = flask("create-church", "--help")

    assert result.exit_code == 0
    assert "--sms-from" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_opens_nothing_although_servers_are_configured(flask: Flask, command: click.Command) -> None:
    """Before, it connected to PostgreSQL, and waited for it when it was away."""
    result = flask(str(command.name), "--help", **COMPLETE)

    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: ")
    assert command_line.open_services.cache_info().currsize == 0
    assert result.stderr == ""


def test_the_short_help_that_is_read_from_the_files_is_that_of_the_commands() -> None:
    for command in COMMANDS:
        assert command.get_short_help_str(80) == command.load().get_short_help_str(80) != ""
        assert command.load().name == command.name


@pytest.mark.usefixtures("redis")
def test_no_log_line_precedes_the_output_of_a_command(settings: Settings) -> None:
    variables = {**COMPLETE, "ENABLE_QUEUES": "true", "DATABASE_URL": settings.database_url}

    done = run_flask("list-keys", **flaskenv(), FLASK_SKIP_DOTENV="1", **variables, REDIS_URL=settings.redis_url or "")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("KEY ID ")


@pytest.mark.parametrize(
    "arguments",
    [("list-keys",), ("create-church", "--name", "Hill Chapel"), ("check-carrier",), ("routes",)],
    ids=lambda arguments: arguments[0],
)
def test_a_command_names_the_missing_variables_in_one_line(flask: Flask, arguments: tuple[str, ...]) -> None:
    result = flask(*arguments, PUBLIC_URL="http://127.0.0.1:9")

    assert result.exit_code == 2
    assert result.stdout == ""
    assert_names_the_missing_variables(result.stderr)


def test_a_process_names_the_missing_variables_in_one_line() -> None:
    done = run_flask("list-keys", **flaskenv(), FLASK_SKIP_DOTENV="1", PUBLIC_URL="http://127.0.0.1:9")

    assert done.returncode == 2
    assert done.stdout == ""
    assert_names_the_missing_variables(done.stderr)


def assert_names_the_missing_variables(stderr: str) -> None:
    assert stderr.count("\n") == 1
    for name in ("DATABASE_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"):
        assert f"{name}: is missing" in stderr
    assert "PUBLIC_URL" not in stderr


def test_a_command_that_needs_the_database_reports_in_one_line_that_it_is_unreachable() -> None:
    done = run_flask("list-keys", **flaskenv(), FLASK_SKIP_DOTENV="1", **COMPLETE)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Error: The database cannot be reached: check DATABASE_URL."
    assert "Traceback" not in done.stderr


def test_flasks_own_commands_see_the_routes_of_the_api() -> None:
    done = run_flask("routes", **flaskenv(), FLASK_SKIP_DOTENV="1", **COMPLETE)

    assert "/api/messages/send" in done.stdout
