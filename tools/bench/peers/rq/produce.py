"""enqueue_many, with a pipeline for each 500 jobs, is RQ's fastest way to enqueue."""

import os

import carrier
import production
from redis import Redis
from rq import Queue

_CHUNK = 500

redis = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue("send", connection=redis)


def enqueue_all(all_recipients: list[str]) -> None:
    for start in range(0, len(all_recipients), _CHUNK):
        queue.enqueue_many(
            [
                Queue.prepare_data("tasks.send", (to, carrier.BODY), result_ttl=0, description="send")
                for to in all_recipients[start : start + _CHUNK]
            ]
        )


production.run(enqueue_all, warm=redis.ping)
