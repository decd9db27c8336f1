"""The dashboard shows hostile data in Redis, never executes it, and can delete it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq.serializers import JSONSerializer

from jobs.worker.checked_job import CheckedJob, CheckedQueue
from tests.integration.jobs.hostile_jobs import call, good_call, pickled, push
from tests.integration.operator.conftest import REGISTRIES, work_checked
from tests.integration.operator.operator_browser import OperatorBrowser

JSON = "/rq/0/data/jobs/sms/{}/8/asc/1.json"


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


def hostile(redis: Redis, mark: Path) -> list[str]:
    payload = pickled(mark)
    beside: dict[str, Any] = {
        "meta": payload,
        "result": payload,
        "description": b"\xff",
        "exc_info": payload,
        "origin": b"\xff",
    }
    jobs = [
        push(redis, payload),
        push(redis, call("os.mkdir", str(mark))),
        push(redis, good_call(), **{**beside, "origin": "sms"}),
    ]
    jobs += [push(redis, b"\xff", status="no such status", created_at=b"\xff"), push(redis, None)]
    for job_id in jobs:
        redis.xadd(f"rq:results:{job_id}", {"type": 1, "return_value": base64.b64encode(payload)})
    return jobs


@pytest.mark.parametrize("registry", ["queued", "failed", "finished", "deferred", "scheduled", "canceled"])
def test_every_list_and_job_is_shown(operator: OperatorBrowser, redis: Redis, mark: Path, registry: str) -> None:
    jobs = hostile(redis, mark)
    key = {"failed": "rq:failed:sms", "finished": "rq:finished:sms"}.get(registry, f"rq:{registry}:sms")
    if registry != "queued":
        redis.zadd(key, dict.fromkeys([*jobs, "gone", "a b"], 9_999_999_999))
    else:
        redis.rpush("rq:queue:sms", b"\xff\xfe", "a b")

    shown = operator.get_json(JSON.format(registry))

    assert shown.status_code == 200, shown.text
    assert {job["id"] for job in shown.json()["jobs"]} == set(jobs)
    for job_id in jobs:
        assert operator.open(f"/rq/0/view/job/{job_id}").status_code == 200
        assert operator.get_json(f"/rq/0/data/job/{job_id}.json").status_code in (200, 409)
    assert not mark.exists()


def test_a_refused_job_is_shown_with_the_reason_and_refused_again(
    operator: OperatorBrowser, redis: Redis, mark: Path
) -> None:
    jobs = hostile(redis, mark)
    work_checked(redis)

    shown = {job["id"]: job["exc_info"] for job in operator.get_json(JSON.format("failed")).json()["jobs"]}
    assert shown.keys() == set(jobs)
    assert all(reason.startswith("Refused, and not run: ") for reason in shown.values())

    assert operator.post(f"/rq/job/{jobs[1]}/requeue").status_code == 200
    assert operator.post("/rq/requeue/sms").json()["count"] == len(jobs) - 1
    work_checked(redis)
    assert not mark.exists()
    assert len(operator.get_json(JSON.format("failed")).json()["jobs"]) >= len(jobs) - 1


def test_hostile_jobs_can_be_deleted(operator: OperatorBrowser, redis: Redis, mark: Path) -> None:
    jobs = hostile(redis, mark)
    work_checked(redis)
    redis.zadd("rq:failed:sms", dict.fromkeys([b"\xff\xfe", b"a b"], 9_999_999_999))

    assert operator.post(f"/rq/job/{jobs[0]}/delete").status_code == 200
    assert operator.post("/rq/queue/sms/failed/empty").status_code == 200

    assert not redis.exists("rq:failed:sms", *(f"rq:job:{job_id}" for job_id in jobs))
    assert not mark.exists()


@pytest.mark.parametrize("registry", REGISTRIES)
def test_a_registry_with_an_undecodable_entry_is_shown_and_emptied(
    operator: OperatorBrowser, redis: Redis, registry: str
) -> None:
    queue = CheckedQueue("sms", connection=redis)
    if registry == "queued":
        redis.rpush(queue.key, b"\xff\xfe")
    else:
        redis.zadd(getattr(queue, f"{registry}_job_registry").key, {b"\xff\xfe": 9_999_999_999})

    assert operator.open(f"/rq/0/view/jobs/sms/{registry}/8/asc/1").status_code == 200
    assert operator.get_json(JSON.format(registry)).status_code in (200, 502)
    assert operator.post(f"/rq/queue/sms/{registry}/empty").status_code == 200
    assert operator.get_json(JSON.format(registry)).json()["jobs"] == []


def test_an_unreadable_worker_is_left_out(operator: OperatorBrowser, redis: Redis, mark: Path) -> None:
    job_id = push(redis, pickled(mark))
    redis.sadd("rq:workers", "rq:worker:one", "rq:worker:two", "garbage")
    redis.hset("rq:worker:one", mapping={"state": "busy", "birth": b"\xff", "queues": "sms"})
    redis.hset("rq:worker:two", mapping={"state": "busy", "queues": "sms"})
    redis.sadd("rq:worker:two:executions", f"{job_id}:execution")
    redis.hset(f"rq:execution:{job_id}:execution", mapping={"created_at": 1, "last_heartbeat": 1, "job_id": job_id})

    shown = operator.get_json("/rq/0/data/workers.json")

    assert shown.status_code == 200, shown.text
    assert [worker["name"] for worker in shown.json()["workers"]] == ["two"]
    assert operator.open("/rq/0/view/workers").status_code == 200
    assert not mark.exists()


def test_pickled_data_is_never_loaded_in_this_process(operator: OperatorBrowser, redis: Redis, mark: Path) -> None:
    """Also where RQ does not pass the serializer on and falls back to pickle."""
    from rq.job import Job

    job_id = push(redis, pickled(mark), meta=pickled(mark), result=pickled(mark))
    job = Job.fetch(job_id, connection=redis)

    assert job.serializer is not JSONSerializer
    with pytest.raises(Exception):  # noqa: B017 - RQ wraps it
        _ = job.func_name
    assert CheckedJob.fetch(job_id, connection=redis, serializer=job.serializer).refusal
    assert not mark.exists()
