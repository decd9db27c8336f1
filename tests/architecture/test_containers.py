"""Dockerfile, compose.yml and .dockerignore: what can be checked without a Docker daemon. No test builds the image."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import yaml

from settings import Settings
from tests.architecture.source_files import FOLDERS, ROOT
from tests.architecture.test_deployment import procfile
from tests.architecture.test_render_blueprint import blueprint

PROCESSES = {"web": "web", "worker": "worker", "clock": "clock", "migrate": "release"}
"""The services of compose.yml that run the product, with their lines in the Procfile."""
GRACE_SECONDS = {"web": 30, "worker": 60, "clock": 10}
"""How long each process takes to stop at most: gunicorn.conf.py, worker.py; the clock ends its current round."""


@dataclass(frozen=True, kw_only=True)
class Instruction:
    name: str
    arguments: str


def instructions() -> list[Instruction]:
    """The Dockerfile's instructions, with continued lines joined and comments removed."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    parts = [line.strip().split(" ", 1) for line in joined.splitlines() if line.strip()]
    return [Instruction(name=name, arguments=arguments.strip()) for name, arguments in parts]


def all_of(name: str) -> list[str]:
    return [instruction.arguments for instruction in instructions() if instruction.name == name]


def exec_form(arguments: str) -> list[str]:
    """The words of `["program", "argument"]`. Raises ValueError for the shell form."""
    words: list[str] = json.loads(arguments)
    assert all(isinstance(word, str) for word in words), arguments
    return words


def healthcheck() -> list[str]:
    """The command of the image's health check."""
    [check] = all_of("HEALTHCHECK")
    return exec_form(check.partition("CMD ")[2])


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yml").read_text())


def last_stage() -> list[Instruction]:
    found = instructions()
    starts = [number for number, instruction in enumerate(found) if instruction.name == "FROM"]
    return found[starts[-1] :]


# Dockerfile


def test_the_image_has_no_compiler_and_installs_by_hash() -> None:
    bases = [base.split(" ")[0] for base in all_of("FROM")]
    [install] = [words for words in map(exec_form, all_of("RUN")) if "install" in words]

    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.\d+-slim-bookworm", base) for base in bases)
    assert {"--require-hashes", "--only-binary", ":all:"} <= set(install)
    assert install[-1] == "/requirements.txt"
    assert not re.search(r"apt-get|gcc|build-essential|curl", (ROOT / "Dockerfile").read_text())


def test_python_is_the_one_of_render() -> None:
    [version] = [item["value"] for item in blueprint()["envVarGroups"][0]["envVars"] if item["key"] == "PYTHON_VERSION"]

    assert {base.split(" ")[0] for base in all_of("FROM")} == {
        f"python:{'.'.join(str(version).split('.')[:2])}-slim-bookworm"
    }


def test_every_command_is_a_list_and_not_a_shell_line() -> None:
    for arguments in (*all_of("RUN"), *all_of("CMD")):
        assert exec_form(arguments)
    assert healthcheck()[0] == "python"


def test_the_processes_are_not_root_and_own_nothing() -> None:
    users = [instruction.arguments for instruction in last_stage() if instruction.name == "USER"]

    assert users == ["10001"]
    assert [instruction.name for instruction in last_stage()].index("USER") > max(
        number for number, instruction in enumerate(last_stage()) if instruction.name in {"COPY", "RUN"}
    )
    assert not [each for each in all_of("COPY") if "--chown" in each]


def test_the_image_starts_the_web_process_and_stops_it_with_sigterm() -> None:
    assert shlex.join(exec_form(all_of("CMD")[0])) == procfile()["web"]
    assert all_of("STOPSIGNAL") == ["SIGTERM"]


def test_the_image_contains_the_product_and_nothing_else() -> None:
    copied: set[str] = set()
    for instruction in last_stage():
        if instruction.name == "COPY" and "--from" not in instruction.arguments:
            copied |= set(instruction.arguments.split(" ")[:-1])

    assert copied == {*FOLDERS, *(path.name for path in ROOT.glob("*.py")), ".flaskenv"}
    assert all((ROOT / source).exists() for source in copied)


# .dockerignore


@cache
def is_sent(path: str) -> bool:
    """Whether the file is sent to the builder: the last line that matches the path or a folder above it decides."""
    sent = True
    folders = [path, *(path.rsplit("/", depth)[0] for depth in range(1, path.count("/") + 1))]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if not line or line.startswith("#"):
            continue
        everywhere = pattern.removeprefix("**/")
        names = folders if pattern == everywhere else [each.rsplit("/", 1)[-1] for each in folders]
        if any(fnmatch.fnmatchcase(name, everywhere) for name in names):
            sent = line.startswith("!")
    return sent


def test_the_builder_gets_what_is_copied_and_no_secrets() -> None:
    listed = subprocess.run(("git", "ls-files"), cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    sent = {path.split("/")[0] for path in listed.splitlines() if is_sent(path)}
    copied = {source for arguments in all_of("COPY") if "--from" not in arguments for source in arguments.split()[:-1]}

    assert sent == copied
    assert not any(map(is_sent, (".env", ".env.production", "api/.env", "var/demo.env", "api/__pycache__/app.pyc")))


# compose.yml


def test_every_process_runs_the_command_of_the_procfile() -> None:
    services = compose()["services"]

    assert {name: shlex.join(services[name]["command"]) for name in PROCESSES} == {
        name: procfile()[line] for name, line in PROCESSES.items()
    }
    assert {services[name]["image"] for name in PROCESSES} == {"koinonia-sms"}


def test_every_service_of_render_is_there() -> None:
    kinds = {service["type"] for service in blueprint()["services"]} | {"database"}

    assert kinds == {"web", "worker", "keyvalue", "database"}
    assert set(compose()["services"]) == {*PROCESSES, "postgres", "redis"}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_can_change_nothing_and_gains_nothing(name: str) -> None:
    service = compose()["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", GRACE_SECONDS)
def test_a_process_has_time_to_drain(name: str) -> None:
    grace = compose()["services"][name]["stop_grace_period"]

    assert int(grace.removesuffix("s")) > GRACE_SECONDS[name]


def test_only_the_web_process_has_a_health_check_over_http_and_a_port_on_this_machine_only() -> None:
    services = compose()["services"]

    assert {name for name in PROCESSES if services[name].get("healthcheck") == {"disable": True}} == {
        "worker",
        "clock",
        "migrate",
    }
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"web": ["127.0.0.1:8000:8000"]}


def test_nothing_starts_before_the_database_is_migrated() -> None:
    services = compose()["services"]
    for name in GRACE_SECONDS:
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_redis_evicts_nothing_and_postgresql_has_the_required_version() -> None:
    services = compose()["services"]
    command = services["redis"]["command"]

    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert command[command.index("--appendonly") + 1] == "yes"
    assert services["postgres"]["image"].startswith("postgres:18")


def test_compose_sets_no_unknown_variable_and_no_secret() -> None:
    known = {name.upper() for name in Settings.model_fields} | {"HOST", "PORT", "POSTGRES_PASSWORD"}
    text = (ROOT / "compose.yml").read_text()
    for name in PROCESSES:
        assert set(compose()["services"][name]["environment"]) <= known
    assert {"POSTGRES_PASSWORD", "DATABASE_PASSWORD", "REDIS_PASSWORD"} == set(re.findall(r"\$\{([A-Z_]+):\?", text))
