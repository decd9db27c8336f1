"""One text, as an arq job, and the worker's settings."""

import os
from typing import Any, ClassVar

import carrier
import uvloop
from arq import func
from arq.connections import RedisSettings
from with_asyncio import submit

uvloop.install()

REDIS = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def send(_context: dict[str, Any], to: str, body: str) -> None:
    await submit(to, body)


async def report_ready(_context: dict[str, Any]) -> None:
    print("worker ready", flush=True)


class WorkerSettings:
    functions: ClassVar = [func(send, keep_result=0)]
    redis_settings = REDIS
    max_jobs = carrier.CONNECTIONS
    # With the default of half a second, the worker would sleep most of the time.
    poll_delay = 0.01
    log_results = False
    on_startup = report_ready
