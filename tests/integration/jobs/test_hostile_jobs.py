"""Whoever can write to Redis can neither run code in the workers nor stop them: other jobs than ours are refused."""

from __future__ import annotations

import base64
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis import Redis
from rq import Worker
from rq.registry import StartedJobRegistry

from jobs.clock.job_retries import enqueue_due_retries
from jobs.clock.tick_schedule import TickSchedule
from jobs.clock.ticks import TICKS
from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.worker.checked_job import CheckedJob, CheckedQueue
from messaging.states import Status
from settings import Settings
from store.database import Database
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.conftest import RunWorker, compose, counts
from tests.integration.jobs.hostile_jobs import CHURCH, call, good_call, pickled, push
from tests.integration.store.ledger import numbers

MARKING = "tests.integration.jobs.import_marker"
SEND = "jobs.submit_batch.submit_batch"


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a hostile job makes if its code runs."""
    monkeypatch.setenv("KOINONIA_TESTS_MARK", str(tmp_path / "mark"))
    monkeypatch.delitem(sys.modules, MARKING, raising=False)
    return tmp_path / "mark"


@pytest.fixture
def good(database: Database, job_queue: RedisJobQueue) -> tuple[UUID, UUID]:
    """A church and its message, which must be sent all the same."""
    church_id = create_church(database).church_id
    return church_id, compose(database, church_id, numbers=numbers(1))


def failed(redis: Redis, queue: str = "sms") -> dict[str, str]:
    """The reasons of the failed jobs, by job id."""
    reasons: dict[str, str] = {}
    for job_id in CheckedQueue(queue, connection=redis).failed_job_registry.get_job_ids():
        result = CheckedJob.fetch(job_id, connection=redis).latest_result()
        reasons[job_id] = (result.exc_string if result else None) or ""
    return reasons


def assert_sends(database: Database, job_queue: RedisJobQueue, work: RunWorker, good: tuple[UUID, UUID]) -> None:
    """Run a worker, and check that it sends the good message."""
    church_id, message = good
    job_queue.enqueue_expansion(channel="sms")
    work()
    assert counts(database, church_id, message) == {Status.SENT: 1}


CALLS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "os.system": (lambda mark: call("os.system", f"mkdir {mark}"), "not one of our jobs: 'os.system'"),
    "a module to import": (lambda _: call(f"{MARKING}.run"), "not one of our jobs"),
    "a method of a class": (lambda _: call(f"{MARKING}.Any.run"), "not one of our jobs"),
    "a private function of a job's module": (lambda _: call("jobs.submit_batch._was_resumed"), "not one of our jobs"),
    "what a job's module imports": (lambda _: call("jobs.submit_batch.claim_batch"), "not one of our jobs"),
    "an attribute of a job": (lambda _: call(f"{SEND}.__globals__.get", "x"), "not one of our jobs"),
    "a method of an instance": (lambda _: call("format", instance="{}"), "not one of our jobs"),
    "our function on an instance": (lambda _: call(SEND, CHURCH, "sms", instance="x"), "positional arguments only"),
    "a list as function": (lambda _: call([SEND], CHURCH, "sms"), "not one of our jobs"),
    "too few arguments": (lambda _: call(SEND, CHURCH), "takes 2 arguments, not 1"),
    "too many arguments": (lambda _: call(SEND, CHURCH, "sms", "x"), "takes 2 arguments, not 3"),
    "keywords": (lambda _: call(SEND, keywords={"church_id": CHURCH, "channel": "sms"}), "positional arguments only"),
    "no UUID": (lambda _: call(SEND, "x' OR 1=1", "sms"), "a UUID as church_id"),
    "a number": (lambda _: call(SEND, 7, "sms"), "a UUID as church_id"),
    "an unknown channel": (lambda _: call(SEND, CHURCH, "../sms"), "a known channel as channel"),
    "a list as channel": (lambda _: call(SEND, CHURCH, ["sms"]), "a known channel as channel"),
    "arguments for none": (lambda _: call("jobs.sweep.sweep", "x"), "takes 0 arguments, not 1"),
    "no nonce": (lambda _: call("jobs.ping.ping", "x" * 10_000), "hexadecimal digits as nonce"),
    "a pickle": (lambda mark: zlib.compress(pickled(mark)), "it is not JSON"),
    "an unpacked pickle": (lambda mark: pickled(mark), "data cannot be read"),
    "garbage": (lambda _: b"\xff\x00\xfe garbage", "data cannot be read"),
    "packed garbage": (lambda _: zlib.compress(b"\xff\x00\xfe"), "it is not JSON"),
    "deep JSON": (lambda _: zlib.compress(b"[" * 90_000), "it is not JSON"),
    "other JSON": (lambda _: zlib.compress(b'{"func": "os.system"}'), "not a function with arguments"),
    "much from little": (lambda _: zlib.compress(b"0" * 10**8), "data cannot be read"),
}


def test_calls_that_are_not_ours_are_refused_and_the_next_job_runs(
    database: Database, job_queue: RedisJobQueue, redis: Redis, work: RunWorker, good: tuple[UUID, UUID], mark: Path
) -> None:
    pushed = {push(redis, data(mark)): name for name, (data, _) in CALLS.items()}

    assert_sends(database, job_queue, work, good)

    assert not mark.exists()
    assert MARKING not in sys.modules
    recorded = {pushed[job_id]: text for job_id, text in failed(redis).items()}
    assert recorded.keys() == CALLS.keys()
    for name, (_, reason) in CALLS.items():
        assert reason in recorded[name], name
        assert "Traceback" not in recorded[name], name
    assert not redis.exists("rq:queue:sms:intermediate")
    for job_id, name in pushed.items():
        assert CheckedJob.fetch(job_id, connection=redis).get_status() == "failed", name
        assert 0 < redis.ttl(f"rq:job:{job_id}") <= 7 * 24 * 3600, name


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "on_success": ({"success_callback_name": f"{MARKING}.run"}, "a callback"),
    "on_failure": ({"failure_callback_name": f"{MARKING}.run"}, "a callback"),
    "on_stopped": ({"stopped_callback_name": f"{MARKING}.run"}, "a callback"),
    "a callback that is no text": ({"success_callback_name": b"\xff"}, "a callback"),
    "webhooks": ({"webhooks": '[{"url": "http://127.0.0.1:1/", "job_status": "failed"}]'}, "webhooks"),
    "a dependency": ({"dependency_id": "other", "dependency_ids": '["other"]'}, "dependencies"),
    "a group": ({"group_id": "other"}, "a group"),
    "repetitions": ({"repeats_left": 10**6, "repeat_intervals": "[0]"}, "repetitions"),
    "a rate limit": ({"rate_limit_key": "x", "rate_limit_concurrency": 1}, "a rate limit"),
    "metadata": ({"meta": '{"queue_class_name": "tests.integration.jobs.import_marker.Queue"}'}, "metadata"),
    "garbage numbers": ({"timeout": "soon", "result_ttl": "\x00", "failure_ttl": "x"}, "cannot be read"),
    "garbage moments": ({"created_at": "yesterday"}, "created_at cannot be read"),
    "a garbage status": ({"status": "unheard-of"}, "status cannot be read"),
    "a garbage error": ({"exc_info": b"\xff\xfe"}, "exc_info cannot be read"),
}


def test_jobs_with_fields_that_our_jobs_do_not_have_are_refused(
    database: Database, job_queue: RedisJobQueue, redis: Redis, work: RunWorker, good: tuple[UUID, UUID], mark: Path
) -> None:
    pushed = {push(redis, good_call(), **fields): name for name, (fields, _) in FIELDS.items()}

    assert_sends(database, job_queue, work, good)

    assert MARKING not in sys.modules
    assert not mark.exists()
    recorded = {pushed[job_id]: text for job_id, text in failed(redis).items()}
    assert recorded.keys() == FIELDS.keys()
    for name, (_, reason) in FIELDS.items():
        assert reason in recorded[name], name

    for job_id in pushed:
        CheckedQueue("sms", connection=redis).failed_job_registry.requeue(job_id)
    work()
    assert MARKING not in sys.modules
    # Requeuing replaces the status. In the others more is wrong, and they are refused again.
    with_a_wrong_status = {name for name, (fields, _) in FIELDS.items() if "status" in fields}
    assert {pushed[job_id] for job_id in failed(redis)} == FIELDS.keys() - with_a_wrong_status


@pytest.mark.parametrize("field", ["meta", "result"])
def test_a_pickle_in_another_field_is_not_read(redis: Redis, work: RunWorker, mark: Path, field: str) -> None:
    fields: dict[str, Any] = {field: pickled(mark)}
    job_id = push(redis, good_call(), **fields)
    redis.xadd(f"rq:results:{job_id}", {"type": 1, "return_value": base64.b64encode(pickled(mark))})

    work()

    assert not mark.exists()
    assert list(failed(redis)) == [job_id]


def test_a_job_without_a_call_is_among_the_failed(redis: Redis, work: RunWorker) -> None:
    job_id = push(redis, None)

    work()

    assert "it names no function" in failed(redis)[job_id]


def test_an_unreadable_origin_is_replaced_by_the_queue(redis: Redis, work: RunWorker) -> None:
    job_id = push(redis, b"garbage")
    redis.hset(f"rq:job:{job_id}", "origin", b"\xff\xfe")

    work()

    assert list(failed(redis)) == [job_id]


@pytest.mark.parametrize("entry", [b"\xff\xfe\x00", b"", b"a b", b"a:b", b"../x", b"x" * 5000])
def test_entries_that_cannot_be_job_ids_stop_no_worker(
    database: Database,
    job_queue: RedisJobQueue,
    redis: Redis,
    work: RunWorker,
    good: tuple[UUID, UUID],
    entry: bytes,
) -> None:
    redis.rpush("rq:queue:sms", entry)
    redis.rpush("rq:queue:sms:intermediate", entry)
    for registry in ("wip", "failed", "finished", "deferred", "ready", "scheduled"):
        redis.zadd(f"rq:{registry}:sms", {entry: 1})
    redis.sadd("rq:rate-limits", entry)

    assert_sends(database, job_queue, work, good)


def test_a_key_of_another_type_stops_no_worker(
    database: Database, job_queue: RedisJobQueue, redis: Redis, work: RunWorker, good: tuple[UUID, UUID]
) -> None:
    redis.set("rq:job:string", "x")
    redis.rpush("rq:queue:sms", "string")
    job_id = push(redis, b"garbage")
    redis.set(f"rq:results:{job_id}", "x")

    assert_sends(database, job_queue, work, good)

    assert redis.llen("rq:queue:sms") == 0


def test_the_callback_of_a_job_whose_worker_died_is_not_called(redis: Redis, work: RunWorker, mark: Path) -> None:
    job_id = push(redis, good_call(), failure_callback_name=f"{MARKING}.run")
    redis.delete("rq:queue:sms")
    redis.hset(f"rq:job:{job_id}", "status", "started")
    redis.zadd(StartedJobRegistry("sms", connection=redis).key, {f"{job_id}:execution": 1})

    work()

    assert MARKING not in sys.modules
    assert list(failed(redis)) == [job_id]


def test_a_scheduled_job_that_is_not_ours_is_refused_when_its_retry_is_due(redis: Redis, mark: Path) -> None:
    hostile, webhook = push(redis, call("os.system", f"mkdir {mark}")), push(redis, good_call(), webhooks="[{}]")
    redis.delete("rq:queue:sms")
    redis.zadd("rq:scheduled:sms", {hostile: 1, webhook: 1, "gone": 1, "a b": 1})
    redis.zadd("rq:scheduled:sms", {b"\xff\xfe": 1})

    assert enqueue_due_retries(redis, ("sms",)) == 0

    assert set(failed(redis)) == {hostile, webhook}
    assert not redis.exists("rq:scheduled:sms", "rq:queue:sms")


def test_the_clock_replaces_entries_that_others_changed(redis: Redis, job_queue: RedisJobQueue, mark: Path) -> None:
    schedule = TickSchedule(redis, job_queue)
    schedule.poll()
    names = [f"tick-{tick.kind.name}" for tick in TICKS]
    for name in names:
        redis.hset(f"rq:job:{name}", mapping={"data": pickled(mark), "meta": pickled(mark), "created_at": b"\xff"})
        redis.zadd(schedule.scheduled_jobs_key, {name: 1})
    redis.zadd(schedule.scheduled_jobs_key, {b"\xff\xfe": 1, b"a b": 1, b"other": 1})
    redis.delete("rq:queue:analytics")

    schedule.poll()

    assert not mark.exists()
    assert redis.zcard(schedule.scheduled_jobs_key) == len(names)
    assert all(redis.zscore(schedule.scheduled_jobs_key, name) is not None for name in names)
    queue = CheckedQueue("analytics", connection=redis)
    queued = [CheckedJob.fetch(job_id, connection=redis) for job_id in queue.get_job_ids()]
    assert {job.func_name for job in queued} >= {"jobs.enqueue_due.enqueue_due", "jobs.sweep.sweep"}
    assert {job.refusal for job in queued} == {None}


def test_a_worker_takes_no_commands_from_redis(settings: Settings, redis: Redis, tmp_path: Path) -> None:
    """Anyone's `shutdown` would stop it, and garbage would end the thread that listens."""
    with running_worker(settings, tmp_path / "output"):
        wait_until(lambda: Worker.all_keys(connection=redis), timeout_seconds=60)
        [key] = Worker.all_keys(connection=redis)
        wait_until(lambda: redis.hget(key, "state") == b"idle", timeout_seconds=60)

        assert redis.publish(f"rq:pubsub:{key.rpartition(':')[2]}", '{"command": "shutdown"}') == 0


def test_our_own_jobs_are_accepted(redis: Redis, job_queue: RedisJobQueue, work: RunWorker) -> None:
    church_id = str(uuid4())
    job_queue.enqueue_batch(channel="sms", church_id=UUID(church_id))
    [job_id] = CheckedQueue("sms", connection=redis).get_job_ids()
    job = CheckedJob.fetch(job_id, connection=redis)

    assert (job.refusal, job.args, job.retries_left, job.timeout) == (None, [church_id, "sms"], 4, 300)
    work()
    assert failed(redis) == {}
    assert not redis.exists(job.key)
