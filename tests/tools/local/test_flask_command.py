"""bin/flask runs the operator's commands against what bin/run started, from a terminal without any variables."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.harness.whole_system import environment_of, running_system
from tools.local.environment import ROOT

pytestmark = pytest.mark.timeout(300)

ACCOUNT = {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "a-token"}
CHURCH = ("create-church", "--name", "Hill Chapel", "--sms-from", "+12025550123")


def flask(*arguments: str, var: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return run_in_terminal((str(ROOT / "bin" / "flask"), *arguments), {"VAR_DIR": str(var), **variables})


def run_in_terminal(command: tuple[str, ...], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    basic = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        command, env={**basic, **variables}, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def test_commands_run_against_what_bin_run_started(tmp_path: Path, free_port: int) -> None:
    var = tmp_path / "var"
    # With an account there is no demo; without queues nothing else is needed than the embedded PostgreSQL.
    local = environment_of(var, free_port, **ACCOUNT, ENABLE_QUEUES="false")
    with running_system(local, tmp_path / "output") as run:
        assert "bin/flask" in run.output.read_text()
        configuration = var / "flask.json"
        assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
        assert "PATH" not in configuration.read_text()

        made = flask(*CHURCH, var=var)
        assert made.returncode == 0, made.stderr
        # A variable of the second terminal does not lead to another deployment.
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


def test_where_nothing_was_started_one_line_names_the_remedy(tmp_path: Path) -> None:
    done = flask("list-keys", var=tmp_path / "var")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"nothing is running in {tmp_path / 'var'}: start bin/run" in done.stderr
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("arguments", [("--help",), ("create-church", "--help")])
def test_help_needs_nothing(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = flask(*arguments, var=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: flask")
    assert done.stderr == ""
