"""Web, workers and clock refuse to start, with one line, what would lose messages or mix up churches."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from api.app import create_app
from api.services import services
from jobs.job_queue.eviction import read_eviction
from jobs.start_up import StartRefused, check_before_start, refuse_unsafe_settings
from settings import Settings
from tests.harness.private_redis import PrivateRedis
from tests.harness.waiting import wait_until
from tests.harness.web_server import running_web
from tests.harness.worker_process import environment_of, running_worker
from tools.local.environment import ROOT

PROCESSES = {
    "web": ("-m", "gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"),
    "worker": ("worker.py",),
    "one worker": ("-m", "jobs.worker.run_worker", "sms"),
    "clock": ("-m", "jobs.clock"),
}
every_process = pytest.mark.parametrize("process", PROCESSES)


@pytest.fixture
def private_redis(tmp_path: Path, free_port: int) -> Iterator[PrivateRedis]:
    server = PrivateRedis(tmp_path, free_port)
    yield server
    server.close()


def start(process: str, settings: Settings, **variables: str) -> tuple[int, str]:
    """Start the process and wait until it ends. Returns its exit status and its last line."""
    done = subprocess.run(
        (sys.executable, *PROCESSES[process]),
        cwd=ROOT,
        env={**environment_of(settings), "PORT": "0", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    output = (done.stdout + done.stderr).splitlines()
    assert not any("Traceback" in line for line in output), output
    return done.returncode, output[-1]


@every_process
def test_a_redis_that_may_evict_is_refused(process: str, settings: Settings, private_redis: PrivateRedis) -> None:
    private_redis.start("maxmemory 100mb", "maxmemory-policy allkeys-lru")

    exit_status, line = start(process, settings.model_copy(update={"redis_url": private_redis.url}))

    assert exit_status == 1
    assert line.split(": ")[0] in {"web", "worker", "clock"}
    assert (
        "Redis may evict jobs, because its maxmemory-policy is allkeys-lru: set maxmemory-policy to noeviction" in line
    )


@every_process
def test_a_superuser_is_refused(process: str, settings: Settings, superuser_database_url: str) -> None:
    exit_status, line = start(process, settings.model_copy(update={"database_url": superuser_database_url}))

    assert exit_status == 1
    assert "The role postgres in DATABASE_URL is a superuser, so row security would not separate the churches" in line
    assert "NOSUPERUSER" in line


@every_process
def test_secrets_of_the_example_are_refused(process: str, settings: Settings) -> None:
    exit_status, line = start(process, settings, TWILIO_AUTH_TOKEN="change-me")

    assert exit_status == 1
    assert "TWILIO_AUTH_TOKEN: still contains change-me from .env.example. Set a value of your own." in line


@every_process
def test_an_address_that_twilio_cannot_reach_is_refused(process: str, settings: Settings) -> None:
    real = settings.model_copy(update={"twilio_api_base_url": "https://api.twilio.com"})

    exit_status, line = start(process, real, PUBLIC_URL="https://192.168.1.7:8000")

    assert exit_status == 1
    assert "PUBLIC_URL names 192.168.1.7, which Twilio cannot reach, so no callback arrives" in line


def test_missing_variables_are_refused_by_the_web_process_in_one_line(settings: Settings) -> None:
    exit_status, line = start("web", settings, DATABASE_URL="", PUBLIC_URL="")

    assert exit_status == 1
    assert line == "web: DATABASE_URL: is missing; PUBLIC_URL: is missing"


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [
        ("https://texting.grace.church", False),
        ("https://koinonia-web.onrender.com/", False),
        ("https://8.8.8.8", False),
        ("http://texting.grace.church", True),
        ("https://localhost", True),
        ("https://web", True),
        ("https://texting.example.org", True),
        ("https://web.internal", True),
        ("https://[::1]:8000", True),
        ("https://10.1.2.3", True),
    ],
)
def test_only_a_public_https_address_is_accepted_with_twilio(settings: Settings, url: str, is_refused: bool) -> None:
    real = settings.model_copy(update={"twilio_api_base_url": "https://api.twilio.com", "public_url": url})
    sandbox = settings.model_copy(update={"public_url": url})

    refuse_unsafe_settings(sandbox)
    if is_refused:
        with pytest.raises(StartRefused):
            refuse_unsafe_settings(real)
    else:
        refuse_unsafe_settings(real)


@pytest.mark.parametrize("forbidden", [["-config"], ["-info"]])
def test_a_policy_is_read_although_config_or_info_is_forbidden(
    private_redis: PrivateRedis, forbidden: list[str]
) -> None:
    private_redis.start("maxmemory 100mb", "maxmemory-policy allkeys-lfu")
    with Redis.from_url(private_redis.url) as redis:
        redis.execute_command("ACL", "SETUSER", "hosted", "on", ">word", "~*", "&*", "+@all", *forbidden)
        address = private_redis.url.rpartition("@")[2]
    with Redis.from_url(f"redis://hosted:word@{address}") as redis:
        assert read_eviction(redis).problem is not None


def test_without_a_limit_nothing_is_evicted_whatever_the_policy(private_redis: PrivateRedis) -> None:
    private_redis.start("maxmemory-policy allkeys-lru")
    with Redis.from_url(private_redis.url) as redis:
        assert read_eviction(redis).problem is None


def test_servers_that_are_away_are_no_reason_to_refuse(settings: Settings, free_port: int) -> None:
    away = {
        "database_url": f"postgresql://app:app@127.0.0.1:{free_port}/app",
        "redis_url": f"redis://127.0.0.1:{free_port}",
    }

    check_before_start(settings.model_copy(update=away))


def test_servers_that_stand_still_are_no_reason_to_refuse(settings: Settings, private_redis: PrivateRedis) -> None:
    private_redis.start("maxmemory 100mb", "maxmemory-policy allkeys-lru")
    with private_redis.suspended():
        check_before_start(settings.model_copy(update={"redis_url": private_redis.url}))


def test_the_web_process_starts_before_the_database_is_migrated(
    settings: Settings, tmp_path: Path, free_port: int
) -> None:
    """A host may start it before the release command has ended; until then it is not ready."""
    away = settings.model_copy(
        update={
            "database_url": f"postgresql://app:app@127.0.0.1:{free_port}/app",
            "redis_url": f"redis://127.0.0.1:{free_port}",
        }
    )
    with running_web(away, tmp_path) as web:
        assert web.get("/health/live")[0] == 200
        assert web.get("/health/ready")[0] == 503


def test_a_worker_refuses_when_the_redis_that_comes_back_may_evict(
    settings: Settings, private_redis: PrivateRedis, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    with running_worker(settings.model_copy(update={"redis_url": private_redis.url}), output) as worker:
        wait_until(lambda: "waiting for Redis" in output.read_text(), timeout_seconds=60)
        assert worker.poll() is None
        private_redis.start("maxmemory 100mb", "maxmemory-policy allkeys-lru")
        assert worker.wait(timeout=60) == 1

    assert output.read_text().splitlines()[-1].startswith("worker: Redis may evict jobs")


def test_the_api_keeps_accepting_and_shows_a_redis_that_may_evict(
    settings: Settings, private_redis: PrivateRedis
) -> None:
    private_redis.start("maxmemory 100mb", "maxmemory-policy allkeys-lru")
    app = create_app(settings.model_copy(update={"redis_url": private_redis.url}))
    try:
        answer = app.test_client().get("/health/ready")
    finally:
        services(app).close()

    assert (answer.status_code, answer.get_json()["status"]) == (200, "degraded")
    assert "maxmemory-policy is allkeys-lru" in answer.get_json()["checks"]["redis"]["reason"]


def test_a_superuser_is_refused_by_each_request_when_postgresql_was_away_at_the_start(
    settings: Settings, superuser_database_url: str
) -> None:
    app = create_app(settings.model_copy(update={"database_url": superuser_database_url}))
    try:
        answer = app.test_client().get("/health/ready")
    finally:
        services(app).close()

    assert (answer.status_code, answer.get_json()["status"]) == (503, "not ready")
    assert "is a superuser" in answer.get_json()["checks"]["postgresql"]["reason"]
