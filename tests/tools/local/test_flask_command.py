"""bin/flask runs the operator's commands against what bin/run started."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.harness.whole_system import environment_of, running_system
from tools.local.environment import ROOT
from tools.local.flask_command import command_environment, remove_configuration, write_configuration
from tools.local.var_dir import VarDir

pytestmark = pytest.mark.timeout(300)

ACCOUNT = {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "a-token"}
NO_CARRIER = "http://127.0.0.1:9"
CHURCH = ("create-church", "--name", "Hill Chapel", "--sms-from", "+12025550123")


def flask(*arguments: str, var: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return run_in_terminal((str(ROOT / "bin" / "flask"), *arguments), {"VAR_DIR": str(var), **variables})


def run_in_terminal(command: tuple[str, ...], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    basic = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        command, env={**basic, **variables}, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_variables_of_the_running_system_replace_those_of_the_terminal(tmp_path: Path) -> None:
    var = VarDir(tmp_path / "var")  # held as by a running bin/run, until the test ends
    write_configuration(var.path, {"DATABASE_URL": "postgresql://ours", "PATH": "/elsewhere"})

    environment = command_environment(
        {"VAR_DIR": str(var.path), "DATABASE_URL": "postgresql://other", "SMTP_URL": "smtp://other", "PATH": "/bin"}
    )

    assert environment["DATABASE_URL"] == "postgresql://ours"
    assert "SMTP_URL" not in environment
    assert environment["PATH"] == "/bin"
    assert stat.S_IMODE((var.path / "flask.json").stat().st_mode) == 0o600
    assert json.loads((var.path / "flask.json").read_text()) == {"DATABASE_URL": "postgresql://ours"}
    remove_configuration(var.path)
    assert not (var.path / "flask.json").exists()


@pytest.mark.extended
def test_commands_run_against_what_bin_run_started(tmp_path: Path, free_port: int) -> None:
    var = tmp_path / "var"
    # With an account there is no demo; without queues only the embedded PostgreSQL is started.
    variables = environment_of(var, free_port, **ACCOUNT, TWILIO_API_BASE_URL=NO_CARRIER, ENABLE_QUEUES="false")
    with running_system(variables, tmp_path / "output") as run:
        assert "bin/flask" in run.output.read_text()
        configuration = var / "flask.json"
        assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
        assert "PATH" not in configuration.read_text()

        created = flask(*CHURCH, var=var)
        assert created.returncode == 0, created.stderr
        # The command ignores the variables of its own terminal.
        listed = flask("list-keys", var=var, DATABASE_URL="postgresql://elsewhere.invalid/x")
        assert "Hill Chapel" in listed.stdout, listed.stderr

        run.process.terminate()
        assert run.process.wait(timeout=120) == 0
    assert not configuration.exists()
    assert "nothing is running" in flask("list-keys", var=var).stderr


def test_a_killed_bin_run_counts_as_not_running(tmp_path: Path) -> None:
    (tmp_path / "owner.lock").touch()
    (tmp_path / "flask.json").write_text("{}")

    done = flask("list-keys", var=tmp_path)

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"nothing is running in {tmp_path}: start bin/run" in done.stderr


def test_without_a_bin_run_the_error_says_what_to_do(tmp_path: Path) -> None:
    done = flask("list-keys", var=tmp_path / "var")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"nothing is running in {tmp_path / 'var'}: start bin/run" in done.stderr
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("arguments", [("--help",), ("create-church", "--help")])
def test_help_needs_no_configuration(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = flask(*arguments, var=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: flask")
    assert done.stderr == ""
