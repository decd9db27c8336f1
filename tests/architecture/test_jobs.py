"""Every queue is served, every job exists, and imports have no side effects."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys

import pytest
from pydantic import SecretStr

import worker
from channels.registry import CHANNELS
from jobs.clock.ticks import TICKS
from jobs.job_queue import queues
from jobs.job_queue.job_kinds import JOBS, JobKind
from jobs.job_queue.job_queue import JobQueue
from settings import Settings
from tests.architecture.source_files import FOLDERS, ROOT, product

PROGRAMS = {"tools.sandbox.__main__", "wsgi", "gunicorn.conf", "tools.local.__main__"}
"""Programs that run when they are imported."""

IMPORT_CHECK = """
import importlib, socket, sys, threading

def refuse(*_, **__):
    raise SystemExit(f"{name} connects at import")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
for name in sys.argv[1:]:
    importlib.import_module(name)
    if threading.active_count() != 1:
        raise SystemExit(f"{name} starts a thread at import")
"""


@pytest.fixture
def settings() -> Settings:
    return Settings(
        database_url="postgresql://127.0.0.1:1/none",
        redis_url="redis://127.0.0.1:1/0",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token=SecretStr("token"),
        public_url="https://texts.example.org",
        mail_enabled=True,
        analytics_enabled=True,
    )


def module(kind: JobKind) -> str:
    return kind.path.rpartition(".")[0]


def test_every_queue_has_a_worker(settings: Settings) -> None:
    enabled = queues.enabled_queues(settings)
    programs = worker.programs(enabled, processes=1, drain_seconds=1)

    assert set(enabled) == {*queues.sending_queues(), queues.ANALYTICS}
    assert [program.command[-1] for program in programs] == list(enabled)


def test_every_channel_has_a_queue_and_every_queue_a_channel() -> None:
    assert CHANNELS.keys() == set(queues.sending_queues()) == {"sms", "mms", "mail"}


@pytest.mark.parametrize("switch", ["mail_enabled", "analytics_enabled"])
def test_housekeeping_jobs_are_enqueued_on_a_queue_that_is_served(switch: str, settings: Settings) -> None:
    settings = settings.model_copy(update={switch: False})

    assert queues.housekeeping_queue(settings) in queues.enabled_queues(settings)


@pytest.mark.parametrize("kind", JOBS, ids=lambda kind: kind.name)
def test_every_job_is_a_function_that_takes_ids_only(kind: JobKind) -> None:
    function = getattr(importlib.import_module(module(kind)), kind.name)

    assert {parameter.annotation for parameter in inspect.signature(function).parameters.values()} <= {"str"}
    assert tuple(inspect.signature(function).parameters) == kind.parameters, (
        "workers check the arguments of jobs against kind.parameters"
    )
    assert function.__doc__


def test_no_two_jobs_have_the_same_name() -> None:
    assert len({kind.name for kind in JOBS}) == len(JOBS)


@pytest.mark.parametrize("method", [name for name in vars(JobQueue) if name.startswith("enqueue")])
def test_the_job_queue_takes_ids_only(method: str) -> None:
    parameters = inspect.signature(getattr(JobQueue, method)).parameters.values()

    assert {parameter.annotation for parameter in parameters if parameter.name != "self"} <= {"str", "UUID", "JobKind"}


def test_imports_open_no_connection_and_start_no_thread() -> None:
    names = [file.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in product()]
    assert {name.partition(".")[0] for name in names} > set(FOLDERS)

    done = subprocess.run(  # in a new process, in which nothing is imported yet
        [sys.executable, "-c", IMPORT_CHECK, *(name for name in names if name not in PROGRAMS)],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_jobs_are_read_from_redis_only_as_checked_jobs() -> None:
    """RQ's own Job imports and unpickles whatever Redis contains."""
    readers = {
        file.name
        for file in product()
        if re.search(r"^from rq(\.\w+)* import .*\b(Job|Queue)\b", file.text, re.MULTILINE)
        and re.search(
            r"(?<!Checked)\bJob\.(fetch|fetch_many)\(|\bQueue\.(all|from_queue_key)\(|\bget_jobs\(", file.text
        )
    }

    assert readers == set()


def test_every_tick_is_a_known_job() -> None:
    assert {tick.kind for tick in TICKS} <= set(JOBS)
