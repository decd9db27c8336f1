"""One text, as a taskiq task on Redis streams."""

import os

from taskiq import TaskiqEvents
from taskiq_redis import RedisStreamBroker
from with_asyncio import submit

broker = RedisStreamBroker(url=os.environ["REDIS_URL"], xread_count=500)


@broker.task(task_name="send")
async def send(to: str, body: str) -> None:
    await submit(to, body)


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
def report_ready(_state: object) -> None:
    print("worker ready", flush=True)
