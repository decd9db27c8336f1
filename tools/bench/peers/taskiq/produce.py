"""taskiq enqueues one task at a time, so this runs many enqueues concurrently."""

import asyncio
import sys

import carrier
import production
import uvloop
from tasks import broker, send

_AT_ONCE = 50


async def produce(all_recipients: list[str]) -> None:
    await broker.startup()
    waiting = iter(all_recipients)

    async def enqueue_some() -> None:
        for to in waiting:
            await send.kiq(to, carrier.BODY)

    with production.Clock():
        await asyncio.gather(*(enqueue_some() for _ in range(_AT_ONCE)))
    await broker.shutdown()


uvloop.run(produce(production.recipients(sys.argv[1:])))
