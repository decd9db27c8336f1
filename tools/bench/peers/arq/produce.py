"""arq enqueues one job at a time, each in a transaction, so this runs many enqueues concurrently."""

import asyncio
import os

import carrier
import production
from arq import create_pool
from arq.connections import RedisSettings

_AT_ONCE = 50


async def produce(all_recipients: list[str]) -> None:
    redis = await create_pool(RedisSettings.from_dsn(os.environ["REDIS_URL"]))
    waiting = iter(all_recipients)

    async def enqueue_some() -> None:
        for to in waiting:
            await redis.enqueue_job("send", to, carrier.BODY)

    with production.Clock():
        await asyncio.gather(*(enqueue_some() for _ in range(_AT_ONCE)))
    await redis.aclose()


if __name__ == "__main__":
    import sys

    import uvloop

    uvloop.run(produce(production.recipients(sys.argv[1:])))
