"""Where bin/load sends, and that it sends nothing real without the confirmation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from redis import Redis

from jobs.job_queue.redis_connection import rq_queue
from tools.bench.load import Address
from tools.load import message_requests
from tools.load.command import main
from tools.load.options import read_options
from tools.load.redis_figures import RedisReader
from tools.load.report import P95_MS, P99_MS
from tools.load.target import Target, find_target
from tools.local.environment import ROOT, LocalError

REMOTE = ["--url", "https://texts.example.org/", "--key", "secret-key", "--church", "the-church"]
CONFIRMED = [*REMOTE, "--to", "+12025550123", "--real-messages"]


def target(url: str = "https://texts.example.org") -> Target:
    return Target(
        url=url, key="secret", church_id="the-church", recipients=("+1", "+2"), redis_url=None, is_sandbox=False
    )


def test_a_confirmed_address() -> None:
    found = find_target(read_options(CONFIRMED), {"REDIS_URL": "redis://redis.example.org"})

    assert (found.url, found.church_id) == ("https://texts.example.org", "the-church")
    assert found.recipients == ("+12025550123",)
    assert found.redis_url == "redis://redis.example.org"
    assert "secret-key" not in repr(found)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([*REMOTE, "--to", "+12025550123"], "this sends 600 REAL text messages"),
        ([*REMOTE, "--to", "+12025550123", "--rate", "2", "--seconds", "5"], "this sends 10 REAL text messages"),
        ([*REMOTE, "--real-messages"], "name the numbers"),
    ],
)
def test_real_messages_need_numbers_and_a_confirmation(
    arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LocalError, match=error):
        find_target(read_options(arguments), {})

    assert main(arguments) == 2
    assert error in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [REMOTE[:2], REMOTE[2:], ["--rate", "0"], ["--seconds", "-1"], ["--rate", "inf"], ["--rate", "fast"]]
)
def test_unusable_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        read_options(arguments)

    assert refused.value.code == 2


def test_without_a_running_system_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))

    assert main([]) == 2
    assert "nothing is running" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000", Address(host="127.0.0.1", port=8000)),
        ("https://texts.example.org", Address(host="texts.example.org", port=443, tls=True)),
        ("http://[::1]", Address(host="::1", port=80)),
    ],
)
def test_the_address_of_a_url(url: str, address: Address) -> None:
    assert target(url).address == address


@pytest.mark.parametrize("url", ["texts.example.org", "ftp://texts.example.org", "https://texts.example.org/api"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(LocalError, match="--url must be like"):
        _ = target(url).address


def test_the_plan_is_even_and_takes_the_recipients_in_turn() -> None:
    plan = message_requests.plan(target(), messages=4, rate=2.0)
    heads, bodies = zip(*(planned.request.split(b"\r\n\r\n", 1) for planned in plan), strict=True)

    assert [planned.at_seconds for planned in plan] == [0.0, 0.5, 1.0, 1.5]
    assert [json.loads(body)["phoneNumbers"] for body in bodies] == [["+1"], ["+2"], ["+1"], ["+2"]]
    assert len({head.split(b"Idempotency-Key: ")[1].split(b"\r\n")[0] for head in heads}) == 4


def test_queues_and_memory_are_read_from_redis(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis, RedisReader(redis_url) as reader:
        rq_queue(redis, "sms").enqueue("jobs.ping.ping")
        rq_queue(redis, "mms").enqueue("jobs.ping.ping")
        again = RedisReader(redis_url)
        with again:
            pass

    assert again.figures().queue_depth == 2
    assert again.figures().memory_bytes > 500_000
    assert again.figures().clients >= 2
    assert reader.figures().evictions == 0


def test_the_artillery_file_sends_the_same_at_the_same_rate() -> None:
    file = yaml.safe_load((ROOT / "deploy" / "load.yml").read_text())
    [phase] = file["config"]["phases"]
    [scenario] = file["scenarios"]
    [step] = scenario["flow"]
    usual = read_options([])

    assert (phase["arrivalRate"], phase["duration"]) == (usual.rate, usual.seconds)
    assert (step["post"]["url"], step["post"]["json"]) == (
        message_requests.PATH,
        message_requests.body(church_id="{{ $env.CHURCH_ID }}", recipient="{{ $env.RECIPIENT }}"),
    )
    thresholds = {name: value for each in file["config"]["ensure"]["thresholds"] for name, value in each.items()}
    assert thresholds == {"http.response_time.p95": P95_MS, "http.response_time.p99": P99_MS}
