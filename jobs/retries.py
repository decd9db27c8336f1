"""Jobs that failed and are to be run again by themselves: RQ parks them, and something must bring them back."""

from __future__ import annotations

from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.registry import ScheduledJobRegistry
from rq.serializers import JSONSerializer

from jobs.queues import queue


def bring_back(redis: Redis, names: tuple[str, ...]) -> int:
    """Put the parked jobs whose pause is over back on their queues; how many. Two at once may put one back twice,
    which is harmless. Raises redis.exceptions.RedisError.
    """
    brought = 0
    for name in names:
        target = queue(redis, name)
        parked = ScheduledJobRegistry(queue=target)
        for job_id in parked.get_jobs_to_schedule():
            with redis.pipeline() as pipeline:
                try:
                    job = Job.fetch(job_id, connection=redis, serializer=JSONSerializer)
                except NoSuchJobError:
                    parked.remove(job_id, pipeline=pipeline)
                else:
                    parked.remove(job, pipeline=pipeline)
                    target.enqueue_job(job, pipeline=pipeline)
                    brought += 1
                pipeline.execute()
    return brought
