"""The clock enqueues periodic jobs, also after Redis was emptied, away or written to by others."""

from __future__ import annotations

import threading

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
from tests.harness.waiting import wait_until

ENQUEUE_DUE = Tick(kind=JobKind(path="jobs.enqueue_due.enqueue_due", timeout_seconds=60), every_seconds=60)
SWEEP = Tick(kind=JobKind(path="jobs.sweep.sweep", timeout_seconds=60), every_seconds=3600)


def waiting(redis: Redis) -> list[str]:
    """The names of the jobs on the queue of periodic jobs."""
    return sorted(str(job.func_name).rpartition(".")[2] for job in rq_queue(redis, "analytics").jobs)


@pytest.fixture
def schedule(redis: Redis, job_queue: RedisJobQueue) -> TickSchedule:
    return TickSchedule(redis, job_queue, (ENQUEUE_DUE, SWEEP))


def test_a_new_clock_enqueues_every_tick_at_once(schedule: TickSchedule, redis: Redis) -> None:
    schedule.poll()

    assert waiting(redis) == ["enqueue_due", "sweep"]


def test_a_tick_whose_job_still_waits_is_not_enqueued_again(schedule: TickSchedule, redis: Redis) -> None:
    for _ in range(3):
        schedule.poll()
        redis.zadd(schedule.scheduled_jobs_key, {"tick-enqueue_due": 0, "tick-sweep": 0})
    schedule.poll()

    assert waiting(redis) == ["enqueue_due", "sweep"]


def test_a_tick_is_enqueued_again_when_it_is_due_and_not_before(schedule: TickSchedule, redis: Redis) -> None:
    schedule.poll()
    rq_queue(redis, "analytics").empty()

    schedule.poll()
    assert waiting(redis) == []

    redis.zadd(schedule.scheduled_jobs_key, {"tick-enqueue_due": 0})
    schedule.poll()
    assert waiting(redis) == ["enqueue_due"]


def test_two_clocks_enqueue_one_job(schedule: TickSchedule, settings: Settings, redis: Redis) -> None:
    other = TickSchedule(open_redis(settings), RedisJobQueue(settings), (ENQUEUE_DUE, SWEEP))

    schedule.poll()
    other.poll()

    assert waiting(redis) == ["enqueue_due", "sweep"]


def test_after_redis_was_emptied_every_tick_is_enqueued_again(schedule: TickSchedule, redis: Redis) -> None:
    schedule.poll()
    redis.flushdb()

    schedule.poll()

    assert waiting(redis) == ["enqueue_due", "sweep"]


def test_a_tick_of_an_older_release_is_removed(schedule: TickSchedule, redis: Redis) -> None:
    redis.zadd(schedule.scheduled_jobs_key, {"tick-of-old": 0})

    schedule.poll()

    assert redis.zscore(schedule.scheduled_jobs_key, "tick-of-old") is None
    assert waiting(redis) == ["enqueue_due", "sweep"]


def test_polling_without_redis_raises(settings: Settings, job_queue: RedisJobQueue, free_port: int) -> None:
    away = open_redis(settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port}/0"}))

    with pytest.raises(RedisConnectionError):
        TickSchedule(away, job_queue, (ENQUEUE_DUE,)).poll()


def test_the_clock_keeps_running_while_redis_is_away(
    settings: Settings, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, tries = threading.Event(), list[None]()
    check_redis = clock.refuse_evicting_redis

    def counting_check(redis: Redis) -> None:
        tries.append(None)
        check_redis(redis)

    monkeypatch.setattr(clock, "refuse_evicting_redis", counting_check)
    monkeypatch.setattr(clock, "RECONNECT_SECONDS", 0.01)
    away = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port}/0"})
    running = threading.Thread(target=clock.run, args=(away, stop))

    running.start()
    try:
        wait_until(lambda: len(tries) > 2 or not running.is_alive())
        assert running.is_alive()
    finally:
        stop.set()
    running.join(timeout=60)
    assert not running.is_alive()
