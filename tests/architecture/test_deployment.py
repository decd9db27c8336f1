"""Procfile, .env.example, .gitignore and gunicorn.conf.py agree with each other and with the code."""

from __future__ import annotations

import importlib
import importlib.util
import re
import runpy
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

import worker
from jobs.clock.ticks import TICKS
from jobs.job_queue import queues
from jobs.job_queue.job_kinds import JOBS
from settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
QUEUES = {"sms", "mms", "mail", "analytics"}
LIMITS = {
    "HTTP_HEADER_SECONDS": "header_seconds",
    "HTTP_BODY_SECONDS": "body_seconds",
    "HTTP_BYTES_PER_SECOND": "bytes_per_second",
    "HTTP_CONNECTIONS": "connections",
    "HTTP_BUFFER_BYTES": "buffer_bytes",
}
GUNICORN_VARIABLES = {"HOST", "PORT", "WEB_CONCURRENCY", *LIMITS}
ROUTER_VARIABLES = {"RENDER", "DYNO"}


def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: command.strip() for name, command in (line.split(":", 1) for line in lines)}


def example() -> dict[str, str | None]:
    """Return the variables of .env.example with their values; None for a variable without a value."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    found = [re.fullmatch(r"(?:# )?([A-Z][A-Z_]*)=(.*)", line) for line in lines]
    return {match[1]: match[2] or None for match in found if match}


def settings_from_example() -> Settings:
    values = {name: value for name, value in example().items() if value and name not in GUNICORN_VARIABLES}
    return load_settings(**{name.lower(): value for name, value in values.items()})


# --- Procfile ---------------------------------------------------------------------------------------------------------


def test_the_procfile_has_a_process_of_each_kind() -> None:
    assert set(procfile()) == {"web", "worker", "clock", "release"}


@pytest.mark.parametrize("name", ["worker", "clock", "release"])
def test_every_python_program_in_the_procfile_exists(name: str) -> None:
    interpreter, *rest = shlex.split(procfile()[name])
    assert interpreter == "python"
    if rest[0] == "-m":
        assert importlib.util.find_spec(rest[1]) is not None
    else:
        assert (ROOT / rest[0]).is_file()


def test_the_configuration_and_the_app_of_gunicorn_exist() -> None:
    program, option, config, app = shlex.split(procfile()["web"])
    assert (program, option) == ("gunicorn", "--config")
    assert (ROOT / config).is_file()
    module, _, name = app.partition(":")
    assert f"{name} = " in (ROOT / f"{module}.py").read_text()


def test_the_worker_of_the_procfile_serves_every_queue() -> None:
    assert shlex.split(procfile()["worker"]) == ["python", "worker.py"]  # no names: all that are enabled
    enabled = queues.enabled_queues(settings_from_example())
    served = {program.command[-1] for program in worker.programs(enabled, processes=1, drain_seconds=1)}
    assert served == set(enabled) == QUEUES


@pytest.mark.parametrize("path", [kind.path for kind in (*JOBS, *(tick.kind for tick in TICKS))] + ["jobs.ping.ping"])
def test_every_job_that_may_be_queued_exists(path: str) -> None:
    module, _, function = path.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))


# --- .env.example -----------------------------------------------------------------------------------------------------


def test_the_example_contains_exactly_the_variables_that_are_read() -> None:
    assert set(example()) == {name.upper() for name in Settings.model_fields} | GUNICORN_VARIABLES


def test_the_example_shows_the_defaults() -> None:
    settings = settings_from_example()
    for name, field in Settings.model_fields.items():
        if not field.is_required() and name != "redis_url":
            assert getattr(settings, name) == field.default, name


def test_gunicorn_reads_only_the_listed_variables() -> None:
    read = re.findall(
        r'"([A-Z_]+)" in os\.environ|(?:environ\.get|_positive)\("([A-Z_]+)"', (ROOT / "gunicorn.conf.py").read_text()
    )
    assert {first or second for first, second in read} == GUNICORN_VARIABLES | ROUTER_VARIABLES


# --- .gitignore -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        (".env", True),
        (".env.production", True),
        (".env.local", True),
        ("deploy/.env", True),
        (".env.example", False),
        ("var/demo.env", True),
    ],
)
def test_git_ignores_files_with_secrets(path: str, ignored: bool, tmp_path: Path) -> None:
    git = shutil.which("git")
    assert git is not None
    subprocess.run((git, "init", "--quiet", str(tmp_path)), check=True)
    (tmp_path / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())

    checked = subprocess.run((git, "check-ignore", "--quiet", path), cwd=tmp_path, check=False)

    assert checked.returncode == (0 if ignored else 1)


# --- gunicorn.conf.py -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, "127.0.0.1:8000"),
        ({"PORT": "9000"}, "127.0.0.1:9000"),
        ({"HOST": "10.0.0.1"}, "10.0.0.1:8000"),
        ({"RENDER": "true", "PORT": "10000"}, "0.0.0.0:10000"),
        ({"DYNO": "web.1", "PORT": "5000"}, "0.0.0.0:5000"),
        ({"RENDER": "true", "HOST": "127.0.0.1"}, "127.0.0.1:8000"),
    ],
)
def test_gunicorn_listens_on_all_interfaces_only_on_a_hosting_platform(
    environment: dict[str, str], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in GUNICORN_VARIABLES | ROUTER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert runpy.run_path(str(ROOT / "gunicorn.conf.py"))["bind"] == [address]


def test_the_example_shows_the_limits_of_the_web_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GUNICORN_VARIABLES | ROUTER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    limits = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["worker_class"].limits

    assert {name: float(example()[name] or 0) for name in LIMITS} == {
        name: getattr(limits, field) for name, field in LIMITS.items()
    }


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan"])
def test_an_invalid_limit_is_refused_with_the_name_of_its_variable(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_BODY_SECONDS", value)
    with pytest.raises(SystemExit, match="HTTP_BODY_SECONDS: must be a number above 0"):
        runpy.run_path(str(ROOT / "gunicorn.conf.py"))
