"""`flask check-redis`: every check, and the remedies of failed ones."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis
from rq import Worker

from api.commands.support import queue_checks, redis_checks
from settings import Settings
from tests.harness.process_output import report_output
from tests.harness.waiting import wait_until
from tests.integration.commands.conftest import Run

ROOT = Path(__file__).parents[3]
QUEUES = ("sms", "mms", "mail", "analytics")


def environment(settings: Settings) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url or "",
        "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": "token",
        "PUBLIC_URL": settings.public_url,
    }


@pytest.fixture
def workers(settings: Settings, redis: Redis, tmp_path: Path) -> Generator[None]:
    """A worker process for each queue, as the Procfile starts them."""
    log = tmp_path / "workers.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "worker.py"], cwd=ROOT, env=environment(settings), stdout=output, stderr=subprocess.STDOUT
        )
    report_output("the workers", log)
    try:
        wait_until(
            lambda: len(Worker.all_keys(connection=redis)) == len(QUEUES) or process.poll() is not None,
            timeout_seconds=60,
            condition="a worker listens on every queue, or the supervisor has ended",
        )
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the check that waits until a value expires, and do not wait for workers: no worker runs."""
    named = vars(redis_checks)
    checks = tuple(each for each in named["_CHECKS"] if each[0] is not named["_expiry"])
    monkeypatch.setattr(redis_checks, "_CHECKS", checks)
    monkeypatch.setattr(queue_checks, "WAIT_SECONDS", 0.0)


@pytest.mark.usefixtures("workers")
def test_every_check_passes_and_leaves_no_keys_behind(redis: Redis, settings: Settings) -> None:
    """Runs the command as an operator types it: in the project's folder, where .flaskenv names the app."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "check-redis"],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=110,
    )
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[-1]) == (0, "ALL TESTS PASSED"), done.stdout + done.stderr
    steps = ["PING", "SET and GET", "Expiry", "Integrity", "Eviction", *(f"Queue {name}" for name in QUEUES)]
    assert [line.split(":")[0] for line in lines[1:-1]] == [f"✅ {step}" for step in steps]
    assert redis.keys("koinonia:check:*") == []
    assert redis.keys("*ping*") == []


@pytest.mark.usefixtures("no_waits", "redis")
def test_a_queue_without_a_worker_is_reported_with_the_remedy(run: Run) -> None:
    result = run("check-redis")
    assert result.exit_code == 1
    for name in QUEUES:
        assert f"❌ Queue {name}: no worker is listening → start one: python worker.py {name}" in result.stdout
    assert "4 TESTS FAILED" in result.stdout


@pytest.mark.usefixtures("no_waits", "redis")
def test_disabled_queues_are_not_checked(run: Run) -> None:
    result = run("check-redis", mail_enabled=False, analytics_enabled=False)
    assert "Queue mail" not in result.stdout
    assert "2 TESTS FAILED" in result.stdout


@pytest.mark.usefixtures("no_waits", "redis")
def test_a_redis_that_may_evict_fails_the_check(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def evicts(_: Redis) -> str:
        return "allkeys-lru"

    monkeypatch.setattr(redis_checks, "_eviction_policy", evicts)
    result = run("check-redis")
    assert "❌ Eviction: maxmemory-policy is allkeys-lru" in result.stdout
    assert "set maxmemory-policy to noeviction" in result.stdout


@pytest.mark.parametrize(
    ("forbidden", "line"),
    [
        (["-config"], "✅ Eviction: maxmemory-policy is noeviction"),
        (["-config", "-info"], "⚠️  Eviction: this server does not report its maxmemory-policy"),
        (["-set"], "❌ SET and GET: NoPermissionError"),
    ],
)
@pytest.mark.usefixtures("no_waits")
def test_a_hosted_redis_may_forbid_commands(
    run: Run, redis: Redis, settings: Settings, forbidden: list[str], line: str
) -> None:
    user = f"hosted-{secrets.token_hex(4)}"
    redis.execute_command("ACL", "SETUSER", user, "on", ">secret-word", "~*", "&*", "+@all", *forbidden)
    try:
        parts = urlsplit(settings.redis_url or "")
        address = parts.netloc.rpartition("@")[2]
        result = run("check-redis", redis_url=parts._replace(netloc=f"{user}:secret-word@{address}").geturl())
    finally:
        redis.execute_command("ACL", "DELUSER", user)
    assert line in result.stdout
    assert "secret-word" not in result.output


@pytest.mark.parametrize("url", ["redis://:secret-word@127.0.0.1:1/0", "redis://user:secret-word@127.0.0.1:1/0"])
def test_an_unreachable_redis_ends_the_check(run: Run, url: str) -> None:
    result = run("check-redis", redis_url=url)
    assert result.exit_code == 1
    assert "***@127.0.0.1:1/0" in result.stdout
    assert "❌ PING: ConnectionError" in result.stdout
    assert "1 TEST FAILED" in result.stdout
    assert "Integrity" not in result.stdout
    assert "secret-word" not in result.output


@pytest.mark.usefixtures("no_waits", "redis")
def test_a_changed_value_fails_the_check(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(_: Redis, keys: Sequence[str]) -> list[bytes]:
        return [b"something else"] * len(keys)

    monkeypatch.setattr(Redis, "mget", changed)
    assert "❌ Integrity: 1000 of 1000 values came back changed" in run("check-redis").stdout


def test_without_queues_there_is_nothing_to_check_and_no_database_is_needed(run: Run) -> None:
    result = run(
        "check-redis", enable_queues=False, redis_url=None, database_url="postgresql://nobody@127.0.0.1:1/none"
    )
    assert result.exit_code == 0
    assert "nothing to check" in result.stdout
