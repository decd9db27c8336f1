"""Jobs that failed and are to be run again by themselves: RQ parks them, and something must bring them back."""

from __future__ import annotations

from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.registry import ScheduledJobRegistry
from rq.serializers import JSONSerializer

from jobs.queues import queue


def bring_back(redis: Redis, names: tuple[str, ...]) -> int:
    """Put the parked jobs whose pause is over back on their queues; how many. Of two at once one gets each.

    Killed in between, it loses a job, which is harmless: what it was to do is rung for again.
    Raises redis.exceptions.RedisError.
    """
    brought = 0
    for name in names:
        target = queue(redis, name)
        parked = ScheduledJobRegistry(queue=target)
        for job_id in parked.get_jobs_to_schedule():
            if not redis.zrem(parked.key, job_id):
                continue
            try:
                job = Job.fetch(job_id, connection=redis, serializer=JSONSerializer)
            except NoSuchJobError:
                continue
            target.enqueue_job(job)
            brought += 1
    return brought
