"""Result files: every reading, with the machine, the versions and the command."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from tools.bench.machine import Machine
from tools.local.environment import ROOT

FOLDER = ROOT / "tools" / "bench" / "results"

Reading = dict[str, Any]
"""One reading of one candidate; its fields are those of the dataclass of the part."""

_PACKAGES = ("rq", "redis", "psycopg", "flask", "gunicorn", "aiohttp", "uvloop", "twilio")


@dataclass(frozen=True, kw_only=True)
class Run:
    """The readings of one part in one call of bin/bench."""

    date: str
    command: str
    machine: dict[str, Any]
    versions: dict[str, str]
    parameters: dict[str, Any]
    readings: list[Reading]


class ResultFile:
    """`<folder>/<part>.json`. Written after every reading, so that none is lost if the run fails."""

    def __init__(self, folder: Path, part: str, run: Run, *, add: bool) -> None:
        """With `add`, earlier runs stay in the file."""
        self._path = folder / f"{part}.json"
        folder.mkdir(parents=True, exist_ok=True)
        self._runs_before = load_runs(self._path) if add else []
        self.run = run

    def add(self, reading: Reading) -> None:
        self.run.readings.append(reading)
        text = json.dumps([asdict(run) for run in (*self._runs_before, self.run)], indent=1)
        temporary = self._path.with_suffix(".temporary")
        temporary.write_text(text + "\n")
        temporary.replace(self._path)


def load_runs(path: Path) -> list[Run]:
    """Return the runs in the file, oldest first; an empty list without the file."""
    if not path.exists():
        return []
    return [Run(**cast("dict[str, Any]", run)) for run in json.loads(path.read_text())]


def begin_run(machine: Machine, *, command: str, parameters: Mapping[str, Any]) -> Run:
    return Run(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        machine=describe_machine(),
        versions=describe_versions(machine),
        parameters=dict(parameters),
        readings=[],
    )


@cache
def describe_machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def describe_versions(machine: Machine) -> dict[str, str]:
    """Return the versions of the product's dependencies. The peers are pinned in their folders."""
    with machine.open_ledger() as ledger, machine.open_redis() as redis:
        info = redis.info("server")
        postgres = str(ledger.info.server_version)
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "postgresql": f"{postgres[:-4]}.{int(postgres[-4:])}",
        "valkey": str(info.get("valkey_version", info.get("redis_version"))),
        **{name: metadata.version(name) for name in _PACKAGES},
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    """Return the commit, with `+` if files were changed; `unknown` without git."""
    commit, changed = _git("rev-parse", "--short", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    return (commit or "unknown") + ("+" if changed else "")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(("git", *words), cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    except OSError:
        return ""
    return done.stdout.strip()
