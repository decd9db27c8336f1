"""What `python worker.py` logs when it starts, and what it does without queues."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from tests.harness.waiting import wait_until
from tests.harness.worker_process import environment_of
from tools.local.environment import ROOT

LINES = [
    "✅ Redis connected",
    "✅ Queues initialized: SMS, MMS, Mail, Analytics",
    "Queue system initialized",
    "Total workers: 4",
    "SMS queue connected to Redis",
    "MMS queue connected to Redis",
    "Mail queue connected to Redis",
    "Analytics queue connected to Redis",
]
BY_EACH_WORKER = LINES[:2]
ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "LANG": "C"}
"""An environment in which Python would write ASCII."""


@contextmanager
def worker(environment: dict[str, str], output: Path) -> Generator[subprocess.Popen[bytes]]:
    with output.open("wb") as writing:
        command = (sys.executable, "worker.py")
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=writing, stderr=subprocess.STDOUT)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()


def json_events(output: bytes) -> list[str]:
    """The events of complete lines."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.split(b"\n")[:-1]]
    return [line["event"] for line in lines]


def text_events(output: bytes) -> list[str]:
    """The events of complete lines, each between the level and the name of the logger."""
    lines = output.decode("utf-8").split("\n")[:-1]
    return [found[1] for line in lines if (found := re.fullmatch(r"\S+ \[\w+ *\] (.+?) +\[[\w.]+\].*", line))]


@pytest.mark.parametrize("fmt", ["text", pytest.param("json", marks=pytest.mark.extended)])
def test_the_start_up_lines_are_logged_in_utf_8_whatever_the_locale(
    fmt: str, settings: Settings, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    events = json_events if fmt == "json" else text_events

    with worker(environment_of(settings) | ASCII | {"LOG_FORMAT": fmt}, output):
        wait_until(lambda: set(LINES) <= set(events(output.read_bytes())), timeout_seconds=60)
        logged = events(output.read_bytes())

    assert {line: logged.count(line) for line in LINES} == {line: 4 if line in BY_EACH_WORKER else 1 for line in LINES}


def test_without_queues_the_worker_logs_one_line_and_waits_for_a_stop(settings: Settings, tmp_path: Path) -> None:
    output = tmp_path / "output"
    environment = environment_of(settings) | {"ENABLE_QUEUES": "false"}
    del environment["REDIS_URL"]

    with worker(environment, output) as process:
        wait_until(lambda: "ENABLE_QUEUES is false" in output.read_text(), timeout_seconds=60)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)

    assert len(output.read_text().splitlines()) == 1, output.read_text()


def test_without_queues_a_worker_for_one_queue_refuses_to_start(settings: Settings) -> None:
    command = (sys.executable, "-m", "jobs.worker.run_worker", "sms")
    environment = environment_of(settings) | {"ENABLE_QUEUES": "false"}

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert done.stderr == "worker: ENABLE_QUEUES is false: there are no queues to serve\n"
