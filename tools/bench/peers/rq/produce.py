"""RQ's fastest way in: enqueue_many, a pipeline for each 500 jobs."""

import os

import carrier
import production
from redis import Redis
from rq import Queue

_CHUNK = 500

redis = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue("send", connection=redis)


def enqueue_all(everyone: list[str]) -> None:
    for start in range(0, len(everyone), _CHUNK):
        queue.enqueue_many(
            [
                Queue.prepare_data("tasks.send", (to, carrier.BODY), result_ttl=0, description="send")
                for to in everyone[start : start + _CHUNK]
            ]
        )


production.run(enqueue_all, warm=redis.ping)
