"""taskiq enqueues one task at a time: many of them at once over many connections."""

import asyncio
import sys

import carrier
import production
import uvloop
from tasks import broker, send

_AT_ONCE = 50


async def produce(everyone: list[str]) -> None:
    await broker.startup()
    waiting = iter(everyone)

    async def enqueue_some() -> None:
        for to in waiting:
            await send.kiq(to, carrier.BODY)

    with production.Clock():
        await asyncio.gather(*(enqueue_some() for _ in range(_AT_ONCE)))
    await broker.shutdown()


uvloop.run(produce(production.recipients(sys.argv[1:])))
