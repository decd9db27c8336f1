"""RQ's default worker, which forks for each job. The job's imports are made before the fork, as RQ advises."""

import os

import tasks  # noqa: F401
from redis import Redis
from rq import Queue, Worker

redis = Redis.from_url(os.environ["REDIS_URL"])
redis.ping()
print("worker ready", flush=True)
Worker([Queue("send", connection=redis)], connection=redis, log_job_description=False).work(logging_level="WARNING")
