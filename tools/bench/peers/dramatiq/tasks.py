"""One text, as a Dramatiq actor on Redis."""

import os

import carrier
import dramatiq
from dramatiq.brokers.redis import RedisBroker
from redis import Redis
from with_threads import submit


class ReportReady(dramatiq.Middleware):
    def after_worker_boot(self, *_: object) -> None:
        print("worker ready", flush=True)


# Every thread acknowledges over its own connection, so redis-py's default of 100 is not enough.
redis = Redis.from_url(os.environ["REDIS_URL"], max_connections=2 * carrier.CONNECTIONS + 10)
broker = RedisBroker(client=redis)
broker.add_middleware(ReportReady())
dramatiq.set_broker(broker)


@dramatiq.actor(max_retries=0)
def send(to: str, body: str) -> None:
    submit(to, body)
