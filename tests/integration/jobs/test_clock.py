"""The clock rings, through everything that may happen to Redis."""

from __future__ import annotations

import threading
import time

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.clock import __main__ as clock
from jobs.clock.tick_schedule import TickSchedule
from jobs.clock.ticks import Tick
from jobs.job_queue.job_kinds import JobKind
from jobs.job_queue.redis_connection import open_redis, rq_queue
from jobs.job_queue.redis_job_queue import RedisJobQueue
from settings import Settings

ENQUEUE_DUE = Tick(kind=JobKind(path="jobs.enqueue_due.enqueue_due", timeout_seconds=60), every_seconds=1)
SWEEP = Tick(kind=JobKind(path="jobs.sweep.sweep", timeout_seconds=60), every_seconds=3600)


def waiting(redis: Redis) -> list[str]:
    """What stands on the queue of ticks, by job name."""
    return sorted(str(job.func_name).rpartition(".")[2] for job in rq_queue(redis, "analytics").jobs)


@pytest.fixture
def schedule(redis: Redis, job_queue: RedisJobQueue) -> TickSchedule:
    return TickSchedule(redis, job_queue, (ENQUEUE_DUE, SWEEP))


def test_a_new_clock_enqueues_every_tick_at_once(schedule: TickSchedule, redis: Redis) -> None:
    schedule.poll()

    assert waiting(redis) == ["enqueue_due", "sweep"]


def test_without_workers_no_pile_grows(schedule: TickSchedule, redis: Redis) -> None:
    for _ in range(3):
        schedule.poll()
        redis.zadd(schedule.scheduled_jobs_key, {"tick-enqueue_due": 0, "tick-sweep": 0})
    schedule.poll()

    assert waiting(redis) == ["enqueue_due", "sweep"]


def test_a_tick_comes_again_and_not_before_its_time(schedule: TickSchedule, redis: Redis) -> None:
    schedule.poll()
    rq_queue(redis, "analytics").empty()

    schedule.poll()
    assert waiting(redis) == []

    time.sleep(ENQUEUE_DUE.every_seconds)
    schedule.poll()
    assert waiting(redis) == ["enqueue_due"]


def test_two_clocks_enqueue_one_job(schedule: TickSchedule, settings: Settings, redis: Redis) -> None:
    other = TickSchedule(open_redis(settings), RedisJobQueue(settings), (ENQUEUE_DUE, SWEEP))

    schedule.poll()
    other.poll()

    assert waiting(redis) == ["enqueue_due", "sweep"]


def test_an_emptied_redis_is_set_up_again(schedule: TickSchedule, redis: Redis) -> None:
    schedule.poll()
    redis.flushdb()

    schedule.poll()

    assert waiting(redis) == ["enqueue_due", "sweep"]


def test_what_an_older_release_left_is_dropped(schedule: TickSchedule, redis: Redis) -> None:
    redis.zadd(schedule.scheduled_jobs_key, {"tick-of-old": 0})

    schedule.poll()

    assert redis.zscore(schedule.scheduled_jobs_key, "tick-of-old") is None
    assert waiting(redis) == ["enqueue_due", "sweep"]


def test_a_schedule_without_redis_says_so(settings: Settings, job_queue: RedisJobQueue, free_port: int) -> None:
    away = open_redis(settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port}/0"}))

    with pytest.raises(RedisConnectionError):
        TickSchedule(away, job_queue, (ENQUEUE_DUE,)).poll()


def test_the_clock_outlives_redis_being_away(settings: Settings, free_port: int) -> None:
    stop = threading.Event()
    away = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port}/0"})
    running = threading.Thread(target=clock.run, args=(away, stop))

    running.start()
    time.sleep(0.3)
    assert running.is_alive()
    stop.set()
    running.join(timeout=10)
    assert not running.is_alive()
