"""A deploy under load: every process is replaced. No request is refused, and no text is lost or sent twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from processes import child_process
from processes.child_process import Program
from store.database import Database, open_database
from tests.harness.churches import KnownChurch, create_church
from tests.harness.process_output import report_output
from tests.harness.product_processes import CLOCK, WORKER
from tests.harness.waiting import wait_until
from tests.harness.web_fleet import BehindRouter, OnSharedSocket, WebFleet, web_fleet
from tests.integration.store.ledger import numbers
from tools.bench.load import Load, Planned
from tools.bench.open_loop import run_planned
from tools.local.environment import ROOT
from tools.sandbox.control import Sandbox
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the processes are tied together with prctl"),
    pytest.mark.timeout(600),
    pytest.mark.extended,
]
PER_SECOND = 50
PART_SECONDS = 4
IDLE_SECONDS = 1.0
"""The load uses no connection that was idle for longer, like any client that keeps connections."""


class Requests(threading.Thread):
    """50 requests a second, each with another recipient, in parts of a few seconds, until finish()."""

    def __init__(self, port: int, church: KnownChurch) -> None:
        super().__init__(name="requests")
        self._port, self._church = port, church
        self._is_over = threading.Event()
        self.recipients: list[str] = []
        self.loads: list[Load] = []
        self.started = threading.Event()

    def run(self) -> None:
        while not self._is_over.is_set():
            part = numbers(PER_SECOND * PART_SECONDS, first=len(self.recipients))
            plan = [
                Planned(at_seconds=number / PER_SECOND, request=request(self._church, recipient))
                for number, recipient in enumerate(part)
            ]
            self.recipients += part
            self.started.set()
            self.loads.append(run_planned(self._port, plan, idle_seconds=IDLE_SECONDS))

    def finish(self) -> Counter[int]:
        """End after the current part. Return the number of answers by status."""
        self._is_over.set()
        self.join()
        return sum((load.answers for load in self.loads), Counter[int]())


def request(church: KnownChurch, recipient: str) -> bytes:
    body = {"churchId": str(church.church_id), "content": "Hi", "targetType": "numbers", "phoneNumbers": [recipient]}
    encoded = json.dumps(body).encode()
    head = (
        "POST /api/messages/send HTTP/1.1",
        "Host: texts.example.org",
        f"Authorization: Bearer {church.key}",
        f"Idempotency-Key: {recipient}",
        "Content-Type: application/json",
        f"Content-Length: {len(encoded)}",
    )
    return "\r\n".join((*head, "", "")).encode() + encoded


class Background:
    """The worker and the clock: each is stopped as a host does, and started again."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._processes = {arguments: self._start(arguments) for arguments in (WORKER, CLOCK)}

    def restart(self) -> None:
        for arguments, process in list(self._processes.items()):
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=90) == 0
            self._processes[arguments] = self._start(arguments)

    def close(self) -> None:
        for process in self._processes.values():
            child_process.kill(process)

    def _start(self, arguments: tuple[str, ...]) -> subprocess.Popen[bytes]:
        name = arguments[-1]
        program = Program(
            name=name,
            command=(sys.executable, *arguments),
            environment=self._environment,
            folder=ROOT,
            output=self._folder / f"{name}.log",
        )
        process = child_process.start(program)
        report_output(name, self._folder / f"{name}.log")
        return process


@pytest.fixture
def environment(database_url: str, redis_url: str, sandbox: Sandbox) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_API_BASE_URL": sandbox.base_url,
        "PUBLIC_URL": "http://127.0.0.1:9",
        "WEB_CONCURRENCY": "1",
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url, size=2, name="test")
    yield database
    database.close()


@pytest.mark.parametrize("kind", [BehindRouter, OnSharedSocket])
def test_every_process_is_replaced_under_load(
    kind: type[WebFleet], environment: dict[str, str], database: Database, sandbox: Sandbox, tmp_path: Path
) -> None:
    church = create_church(database)
    background = Background(environment, tmp_path)
    try:
        with web_fleet(kind, environment, tmp_path) as web:
            requests = Requests(web.port, church)
            requests.start()
            try:
                requests.started.wait()
                web.restart()
                background.restart()
            finally:
                answers = requests.finish()
            total = len(requests.recipients)
            assert answers == {202: total}
            wait_until(lambda: sandbox.summary().accepted >= total, timeout_seconds=180, condition="all texts are sent")
    finally:
        background.close()

    assert Counter(row.to for row in sandbox.ledger()) == dict.fromkeys(requests.recipients, 1)
