"""`bin/load`: the load, and the comparison with the limits."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from uuid import uuid4

from redis.exceptions import RedisError

from tools.bench.load import Load
from tools.bench.open_loop import run_planned
from tools.load import message_requests, report
from tools.load.options import Options, read_options
from tools.load.redis_figures import RedisFigures, RedisReader
from tools.load.report import Figure
from tools.load.sent_texts import SentTexts, await_sent
from tools.load.target import Target, find_target
from tools.local.api_client import ApiClient, Refused, Unreachable
from tools.local.environment import LocalError, terminal_environment

IDLE_SECONDS = 1.0
"""A connection idle for longer is not used again. It is less than any server waits before it closes one."""
_SENT_TIMEOUT_SECONDS = 120.0


def main(arguments: list[str]) -> int:
    options = read_options(arguments)
    try:
        target = find_target(options, terminal_environment())
        _announce(options, target)
        figures = measure(options, target)
    except (LocalError, Refused, Unreachable, RedisError) as error:
        print(f"bin/load: {error}", file=sys.stderr)
        return 2
    if options.as_json:
        print(json.dumps(report.as_json(figures), indent=1))
    else:
        for line in report.lines(figures):
            print(line)
    return 0 if report.all_kept(figures) else 1


def measure(options: Options, target: Target) -> list[Figure]:
    """Send the messages, wait until they are submitted, and return the figures.

    Raises LocalError, Refused, Unreachable and RedisError.
    """
    api = ApiClient(base_url=target.url, key=target.key, timeout_seconds=30.0)
    api.get("/api/messages?limit=1")  # the address and the key are right
    # The content names this run, so that its messages can be told from others.
    content = f"{message_requests.CONTENT} ({uuid4().hex[:8]})"
    plan = message_requests.plan(target, messages=options.messages, rate=options.rate, content=content)
    with ExitStack() as stack:
        reader = stack.enter_context(RedisReader(target.redis_url)) if target.redis_url else None
        load = run_planned(target.address, plan, idle_seconds=IDLE_SECONDS)
        texts = _await_sent(api, content, load)
    redis: RedisFigures | None = reader.figures() if reader else None
    return report.compare(load, redis, texts, messages=options.messages, rate=options.rate)


def _await_sent(api: ApiClient, content: str, load: Load) -> SentTexts:
    return await_sent(
        api,
        content=content,
        expected=len(load.latencies_ms),
        began_at=load.began_at,
        timeout_seconds=_SENT_TIMEOUT_SECONDS,
    )


def _announce(options: Options, target: Target) -> None:
    """Say what is sent, on standard error, so that standard output has the figures only."""
    kind = "a sandbox carrier: no message leaves this machine" if target.is_sandbox else "REAL MESSAGES"
    print(
        f"{time.strftime('%H:%M:%S')} {options.messages} messages to {target.url}, {options.rate:g} a second: {kind}",
        file=sys.stderr,
        flush=True,
    )
