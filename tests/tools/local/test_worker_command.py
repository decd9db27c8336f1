"""`python worker.py` as an operator starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from rq import Worker

from tests.harness.process_tree import descendants, is_running
from tests.harness.waiting import wait_until
from tools.local.environment import ROOT
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

pytestmark = [
    pytest.mark.extended,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc"),
]


@pytest.fixture
def environment(database_url: str, redis_url: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}},
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_API_BASE_URL": "http://127.0.0.1:9",  # the watcher asks the carrier whether it answers
        "PUBLIC_URL": "http://127.0.0.1:9",
    }


@contextmanager
def workers(environment: dict[str, str], output: Path, *arguments: str) -> Generator[subprocess.Popen[bytes]]:
    with output.open("wb") as writing:
        command = (sys.executable, "worker.py", *arguments)
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=writing, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def serving(redis_url: str) -> list[str]:
    """Return the queue of each registered worker."""
    with Redis.from_url(redis_url) as redis:
        return sorted(name for worker in Worker.all(connection=redis) for name in worker.queue_names())


def test_a_worker_serves_every_queue_and_drains(environment: dict[str, str], redis_url: str, tmp_path: Path) -> None:
    with workers(environment, tmp_path / "output") as process:
        wait_until(lambda: len(serving(redis_url)) == 4, timeout_seconds=60)
        assert serving(redis_url) == ["analytics", "mail", "mms", "sms"]
        output = (tmp_path / "output").read_text()
        assert "Queue system initialized" in output
        assert "Total workers: 4" in output
        assert sorted(re.findall(r"(\w+) queue connected to Redis", output)) == ["Analytics", "MMS", "Mail", "SMS"]
        children = descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert not any(map(is_running, children))
        assert serving(redis_url) == []


def test_one_queue_can_have_many_processes(environment: dict[str, str], redis_url: str, tmp_path: Path) -> None:
    with workers(environment, tmp_path / "output", "sms", "--processes", "2") as process:
        wait_until(lambda: serving(redis_url) == ["sms", "sms"], timeout_seconds=60)
        assert "Total workers: 2" in (tmp_path / "output").read_text()
        children = descendants(process.pid)
        process.kill()
        wait_until(lambda: not any(map(is_running, children)), timeout_seconds=60)


def test_a_killed_worker_is_replaced(environment: dict[str, str], redis_url: str, tmp_path: Path) -> None:
    with workers(environment, tmp_path / "output", "mms") as process:
        wait_until(lambda: serving(redis_url) == ["mms"], timeout_seconds=60)
        (first,) = descendants(process.pid)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(descendants(process.pid) - {first}) == 1)
        assert "exited, starting it again" in (tmp_path / "output").read_text()


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["fax"], {}, "not an enabled queue: fax"),
        (["mail"], {"MAIL_ENABLED": "false"}, "not an enabled queue: mail"),
        (["sms", "--processes", "0"], {}, "--processes must be at least 1"),
        ([], {"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
    ],
)
def test_invalid_arguments_and_settings_are_refused(
    environment: dict[str, str], arguments: list[str], variables: dict[str, str], message: str
) -> None:
    command = (sys.executable, "worker.py", *arguments)
    done = subprocess.run(
        command, cwd=ROOT, env=environment | variables, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert message in done.stderr
