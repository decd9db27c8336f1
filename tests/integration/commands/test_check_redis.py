"""`flask check-redis`: every step, the remedies of failed ones, and that no key is left behind."""

from __future__ import annotations

import json
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from redis.exceptions import OutOfMemoryError
from rq import Worker

from api.checks import redis_data, redis_suite, redis_workers
from api.commands.check_redis import check_redis
from settings import Settings
from tests.harness.check_lines import lines_of
from tests.harness.command_line import FLASK, flask_environment, run_flask
from tests.harness.private_redis import PrivateRedis
from tests.harness.process_output import report_output
from tests.harness.waiting import wait_until
from tools.local.environment import ROOT

QUEUES = ("sms", "mms", "mail", "analytics")
STEPS = [
    "Connect",
    "PING",
    "SET and GET",
    "TTL",
    "Integrity under load",
    "FIFO order",
    *(f"Queue {name}" for name in QUEUES),
    "Eviction",
    "Persistence",
    "Version",
    "Memory",
    "Clients",
]

Check = Callable[..., Result]


@pytest.fixture
def check(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs the command in this process, with REDIS_URL as its only setting, and without the wait for a TTL."""
    monkeypatch.setattr(redis_data, "_EXPIRES_AFTER_MS", 50)

    def invoke(*arguments: str, **variables: str | None) -> Result:
        variables = {"REDIS_URL": redis_url, **variables}
        for name in ("DATABASE_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PUBLIC_URL"):
            monkeypatch.delenv(name, raising=False)
        return CliRunner().invoke(check_redis, arguments, env=variables)

    return invoke


@pytest.fixture
def private_redis(tmp_path: Path, free_port: int) -> Iterator[PrivateRedis]:
    server = PrivateRedis(tmp_path, free_port)
    yield server
    server.close()


@contextmanager
def running_workers(settings: Settings, redis: Redis, log: Path) -> Generator[None]:
    """A worker process for each queue, as the Procfile starts them."""
    variables = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url or "",
        "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": "token",
        "TWILIO_API_BASE_URL": "http://127.0.0.1:9",
        "PUBLIC_URL": settings.public_url,
    }
    command, environment = (sys.executable, "worker.py"), flask_environment(**variables)
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
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


def test_every_step_passes_with_nothing_but_redis_url_and_no_key_is_left(
    private_redis: PrivateRedis, settings: Settings, tmp_path: Path
) -> None:
    private_redis.start("appendonly yes")
    own = settings.model_copy(update={"redis_url": private_redis.url})
    with Redis.from_url(private_redis.url) as redis, running_workers(own, redis, tmp_path / "workers.log"):
        before = set(redis.keys())
        done = run_flask("check-redis", REDIS_URL=private_redis.url)
        left = [key for key in set(redis.keys()) - before if re.search("ping|check", str(key))]

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    first, *steps, verdict = done.stdout.splitlines()
    assert re.fullmatch(r"redis: redis://:\*\*\*@127\.0\.0\.1:\d+/\d+", first)
    assert [re.sub(r" … \d+\.\d s: .*", "", step) for step in steps] == [
        f"✅ {number:>2}/15 {name}" for number, name in enumerate(STEPS, 1)
    ]
    assert verdict == "ALL TESTS PASSED"
    assert left == []


@pytest.mark.usefixtures("redis")
def test_a_queue_without_a_worker_is_reported_at_once_with_the_remedy(check: Check, redis: Redis) -> None:
    result = check()

    assert result.exit_code == 1
    for name in QUEUES:
        assert lines_of(result.stdout)[f"Queue {name}"] == "❌ no worker listens on this queue"
        assert f"→ Queue {name}: start a worker: python worker.py {name}" in result.stdout
    assert "4 TESTS FAILED" in result.stdout
    assert set(redis.keys()) <= {b"rq:queues"}


@pytest.mark.usefixtures("redis")
def test_suspended_workers_are_reported(check: Check, redis: Redis) -> None:
    redis.set("rq:suspended", 1)

    result = check()

    assert lines_of(result.stdout)["Queue sms"] == "❌ the workers are suspended"
    assert "→ Queue sms: delete the key rq:suspended" in result.stdout


@pytest.mark.usefixtures("redis")
def test_without_workers_the_jobs_are_left_out_and_the_output_says_so(check: Check, redis: Redis) -> None:
    result = check("--without-workers")

    assert result.exit_code == 0
    assert not any(name.startswith("Queue") for name in lines_of(result.stdout))
    assert result.stdout.splitlines()[-3:] == [
        "Left out: a job through each queue and back (--without-workers)",
        "ALL TESTS PASSED",
        "→ Persistence: set appendonly yes, so that a restart keeps the queues",
    ]
    assert redis.keys() == []


@pytest.mark.usefixtures("redis")
def test_queues_that_are_switched_off_are_not_checked(check: Check) -> None:
    result = check(MAIL_ENABLED="false", ANALYTICS_ENABLED="false")

    assert [name for name in lines_of(result.stdout) if name.startswith("Queue")] == ["Queue sms", "Queue mms"]


@pytest.mark.usefixtures("redis")
def test_json_contains_every_step(check: Check) -> None:
    result = check("--json", "--without-workers")

    document = json.loads(result.stdout)
    assert (document["check"], document["passed"], document["notRun"]) == ("redis", True, 0)
    assert "***" in document["target"]
    assert [step["name"] for step in document["steps"]] == [name for name in STEPS if not name.startswith("Queue")]
    assert document["steps"][0] == {
        "number": 1,
        "name": "Connect",
        "status": "passed",
        "finding": "connected and logged in",
        "remedy": None,
        "seconds": document["steps"][0]["seconds"],
    }


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ("maxmemory 100mb", "maxmemory-policy allkeys-lru"),
            "❌ maxmemory-policy is allkeys-lru, so Redis may delete jobs",
        ),
        (
            ("maxmemory 100mb", "maxmemory-policy volatile-ttl"),
            "❌ maxmemory-policy is volatile-ttl, so Redis may delete jobs",
        ),
        (
            ("maxmemory-policy allkeys-lru",),
            "⚠️ maxmemory-policy is allkeys-lru; nothing is deleted only because maxmemory is 0",
        ),
    ],
)
def test_a_redis_that_may_evict_fails_the_check(
    check: Check, private_redis: PrivateRedis, options: tuple[str, ...], line: str
) -> None:
    private_redis.start(*options)

    result = check("--without-workers", REDIS_URL=private_redis.url)

    assert lines_of(result.stdout)["Eviction"] == line
    assert "→ Eviction: set maxmemory-policy to noeviction" in result.stdout
    assert result.exit_code == (1 if line.startswith("❌") else 0)


def test_a_full_redis_fails_the_check(check: Check, private_redis: PrivateRedis) -> None:
    private_redis.start("maxmemory 6mb")
    with Redis.from_url(private_redis.url) as redis, pytest.raises(OutOfMemoryError):
        for number in range(10_000):
            redis.set(f"filler:{number}", b"x" * 10_000)

    result = check("--without-workers", REDIS_URL=private_redis.url)

    assert re.fullmatch(r"❌ [\d.]+ MB used of [\d.]+ MB \(maxmemory\)", lines_of(result.stdout)["Memory"])


@pytest.mark.parametrize(
    ("forbidden", "step", "line"),
    [
        (["-config"], "Eviction", "✅ maxmemory-policy is noeviction"),
        (["-config", "-info"], "Eviction", "⚠️ this server does not report its maxmemory-policy"),
        (["-set"], "SET and GET", "❌ NoPermissionError: "),
    ],
)
def test_a_hosted_redis_may_forbid_commands(
    check: Check, redis: Redis, redis_url: str, forbidden: list[str], step: str, line: str
) -> None:
    user = f"hosted-{secrets.token_hex(4)}"
    redis.execute_command("ACL", "SETUSER", user, "on", ">secret-word", "~*", "&*", "+@all", *forbidden)
    try:
        parts = urlsplit(redis_url)
        address = parts.netloc.rpartition("@")[2]
        result = check("--without-workers", REDIS_URL=parts._replace(netloc=f"{user}:secret-word@{address}").geturl())
    finally:
        redis.execute_command("ACL", "DELUSER", user)
    assert lines_of(result.stdout)[step].startswith(line)
    assert "secret-word" not in result.output


@pytest.mark.parametrize("url", ["redis://:secret-word@127.0.0.1:1/0", "redis://user:secret-word@127.0.0.1:1/0"])
def test_an_unreachable_redis_ends_the_check(check: Check, url: str) -> None:
    result = check(REDIS_URL=url)

    assert result.exit_code == 1
    assert "***@127.0.0.1:1/0" in result.stdout
    assert list(lines_of(result.stdout)) == ["Connect"]
    assert "Not run: 14 more, which need what failed" in result.stdout
    assert "→ Connect: check that Redis runs" in result.stdout
    assert "secret-word" not in result.output


def test_a_wrong_password_is_named_as_such(check: Check, redis_url: str) -> None:
    parts = urlsplit(redis_url)
    wrong = parts._replace(netloc=f":wrong@{parts.netloc.rpartition('@')[2]}").geturl()

    result = check(REDIS_URL=wrong)

    assert lines_of(result.stdout)["Connect"].startswith("❌ the password or user is wrong")


def test_a_redis_that_stands_still_ends_in_a_clear_line(
    check: Check, private_redis: PrivateRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_suite, "TIMEOUT_SECONDS", 0.3)
    private_redis.start()
    with private_redis.suspended():
        result = check(REDIS_URL=private_redis.url)

    assert lines_of(result.stdout) == {"Connect": "❌ it does not answer (TimeoutError: Timeout reading from socket)"}
    assert "1 TEST FAILED" in result.stdout


def test_a_redis_that_stops_answering_during_the_check_ends_it(
    check: Check, private_redis: PrivateRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_suite, "TIMEOUT_SECONDS", 0.3)
    private_redis.start()

    def stand_still(_data: object) -> str:
        with private_redis.suspended():
            Redis.from_url(private_redis.url, socket_timeout=0.3).ping()
        return "it answered"

    monkeypatch.setattr(redis_data.DataChecks, "expire", stand_still)
    result = check(REDIS_URL=private_redis.url)

    assert list(lines_of(result.stdout)) == ["Connect", "PING", "SET and GET", "TTL"]
    assert "Not run: 11 more, which need what failed" in result.stdout


@pytest.mark.usefixtures("redis")
def test_a_changed_value_fails_the_check(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(_: Redis, keys: Sequence[str]) -> list[bytes]:
        return [b"something else"] * len(keys)

    monkeypatch.setattr(Redis, "mget", changed)

    assert (
        lines_of(check("--without-workers").stdout)["Integrity under load"]
        == "❌ 1000 of 1000 values came back changed"
    )


def _take_sigint() -> None:
    """A test run in the background ignores SIGINT, and would pass that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("needle", ["TTL", "Queue sms"])
def test_ctrl_c_leaves_no_key(redis: Redis, redis_url: str, tmp_path: Path, needle: str) -> None:
    """Interrupted while it waits for a TTL, and while it waits for a worker that does not answer."""
    for name in QUEUES:
        redis.sadd(f"rq:workers:{name}", "rq:worker:that-hangs")
    after = {"TTL": b"koinonia:check:*:expiry", "Queue sms": b"rq:job:ping-*"}[needle]
    output = tmp_path / "output"
    with output.open("wb") as writing:
        process = subprocess.Popen(
            (FLASK, "check-redis"),
            cwd=ROOT,
            env=flask_environment(REDIS_URL=redis_url),
            stdout=writing,
            stderr=subprocess.STDOUT,
            preexec_fn=_take_sigint,
        )
    report_output("flask check-redis", output)
    try:
        wait_until(lambda: bool(redis.keys(after)), timeout_seconds=60, condition=f"the step {needle} has begun")
        process.send_signal(signal.SIGINT)
        exit_status = process.wait(60)
    finally:
        process.kill()
        process.wait()

    assert exit_status == 1
    assert "Aborted!" in output.read_text()
    assert "Traceback" not in output.read_text()
    kept = {b"rq:queues", *(f"rq:workers:{name}".encode() for name in QUEUES)}
    assert set(redis.keys()) <= kept


@pytest.mark.usefixtures("redis")
def test_a_worker_that_does_not_answer_fails_its_queue(
    check: Check, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_workers, "WAIT_SECONDS", 0.2)
    redis.sadd("rq:workers:sms", "rq:worker:that-hangs")

    result = check()

    assert lines_of(result.stdout)["Queue sms"] == "❌ a worker listens, but did not run the test job within 0.2 s"


def test_without_queues_there_is_nothing_to_check(check: Check) -> None:
    result = check(REDIS_URL=None, ENABLE_QUEUES="false")

    assert result.exit_code == 0
    assert "nothing to check" in result.stdout


def test_a_missing_redis_url_is_named(check: Check) -> None:
    result = check(REDIS_URL=None)

    assert result.exit_code == 2
    assert "REDIS_URL: is missing" in result.stderr
