"""One text, as a Huey task on Redis."""

import os

import carrier
from huey import RedisHuey
from redis import ConnectionPool
from with_threads import submit

# Every thread waits on its own connection, so redis-py's default of 100 is not enough.
redis = ConnectionPool.from_url(os.environ["REDIS_URL"], max_connections=2 * carrier.CONNECTIONS + 10)
queue = RedisHuey("send", connection_pool=redis, results=False)


@queue.task()
def send(to: str, body: str) -> None:
    submit(to, body)


@queue.on_startup()
def report_ready() -> None:
    """Printed by every thread."""
    print("worker ready", flush=True)
