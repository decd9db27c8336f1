"""The clock or the workers are killed or stand still: the watcher of the other process tells it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from rq import Worker

from jobs.job_queue.redis_connection import open_redis
from settings import Settings
from tests.harness.process_output import report_output
from tests.harness.suspended_process import suspended
from tests.harness.waiting import wait_until
from tests.harness.webhook_receiver import WebhookReceiver
from tests.harness.worker_process import environment_of
from tools.local.environment import ROOT

pytestmark = [
    pytest.mark.extended,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc"),
]

CLOCK, WORKERS = ("-m", "jobs.clock"), ("worker.py",)
IDLE_WORKER = ("worker.py", "sms")
STARTED: dict[tuple[str, ...], str] = {
    CLOCK: "clock started",
    WORKERS: "Total workers",
    IDLE_WORKER: "ENABLE_QUEUES is false",
}
ALL_QUEUES = ["analytics", "mms", "sms"]


@contextmanager
def running(
    command: tuple[str, ...], settings: Settings, webhook: WebhookReceiver, folder: Path, **variables: str
) -> Generator[subprocess.Popen[bytes]]:
    output = folder / f"{command[-1]}.log"
    environment = {
        **environment_of(settings),
        "ALERT_WEBHOOK_URL": webhook.url,
        "MAIL_ENABLED": "false",
        **variables,
    }
    with output.open("ab") as writing:
        process = subprocess.Popen(
            (sys.executable, *command), cwd=ROOT, env=environment, stdout=writing, stderr=subprocess.STDOUT
        )
    report_output(command[-1], output)
    try:
        wait_until(lambda: STARTED.get(command, "") in output.read_text(), 150.0)
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for_workers(settings: Settings) -> None:
    """Wait until a worker of each queue has started, however slow the machine is."""
    with closing(open_redis(settings)) as redis:
        wait_until(
            lambda: len({name for each in Worker.all(connection=redis) for name in each.queue_names()}) == 3, 200.0
        )


def kinds(webhook: WebhookReceiver, state: str) -> list[tuple[str, str]]:
    return sorted((each["kind"], each["subject"]) for each in webhook.alerts(state))


def test_a_clock_that_stands_still_is_told_and_so_is_its_recovery(
    settings: Settings, webhook: WebhookReceiver, tmp_path: Path
) -> None:
    with running(WORKERS, settings, webhook, tmp_path), running(CLOCK, settings, webhook, tmp_path) as clock:
        wait_for_workers(settings)
        with suspended(clock.pid):
            wait_until(lambda: kinds(webhook, "open") == [("clock-late", "")], 150.0)
        wait_until(lambda: kinds(webhook, "recovered") == [("clock-late", "")], 150.0)
    assert len(webhook.alerts()) == 2


def test_a_clock_that_is_killed_is_told(settings: Settings, webhook: WebhookReceiver, tmp_path: Path) -> None:
    with running(WORKERS, settings, webhook, tmp_path), running(CLOCK, settings, webhook, tmp_path) as clock:
        wait_for_workers(settings)
        clock.kill()
        wait_until(lambda: webhook.alerts(), 150.0)
    assert kinds(webhook, "open") == [("clock-late", "")]


@pytest.mark.parametrize("how", ["killed", "standing still"])
def test_workers_that_are_away_are_told_for_each_queue(
    how: str, settings: Settings, webhook: WebhookReceiver, tmp_path: Path
) -> None:
    expected = [("worker-missing", queue) for queue in ALL_QUEUES]
    with running(CLOCK, settings, webhook, tmp_path), running(WORKERS, settings, webhook, tmp_path) as workers:
        wait_for_workers(settings)
        if how == "killed":
            workers.kill()
            wait_until(lambda: kinds(webhook, "open") == expected, 150.0)
        else:
            with suspended(workers.pid):
                wait_until(lambda: kinds(webhook, "open") == expected, 150.0)
            wait_until(lambda: kinds(webhook, "recovered") == expected, 150.0)


def test_without_queues_the_idle_worker_tells_that_the_clock_is_away(
    settings: Settings, webhook: WebhookReceiver, tmp_path: Path
) -> None:
    idle = {"ENABLE_QUEUES": "false"}
    with (
        running(CLOCK, settings, webhook, tmp_path, **idle) as clock,
        running(IDLE_WORKER, settings, webhook, tmp_path, **idle),
    ):
        clock.kill()
        wait_until(lambda: webhook.alerts(), 150.0)
    assert kinds(webhook, "open") == [("clock-late", "")]
