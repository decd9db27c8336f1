"""The dashboard shows queues and jobs, and requeues failed jobs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis
from rq import Queue

from tests.harness.waiting import wait_until
from tests.integration.operator import repairable_job
from tests.integration.operator.conftest import REGISTRIES, Serve, failed_job, work
from tests.integration.operator.operator_browser import PASSWORD, OperatorBrowser, Page

CHANGING = ("/rq/requeue/sms", "/rq/job/some-id/requeue", "/rq/queue/sms/failed/empty", "/rq/queue/sms/compact")


def failed_jobs(operator: OperatorBrowser) -> list[dict[str, str]]:
    """The jobs on the page of failed jobs, reached by its link on the front page."""
    [queue] = operator.get_json("/rq/0/data/queues.json").json()["queues"]
    page = operator.open(queue["failed_url"])
    assert page.status_code == 200
    return operator.get_json(queue["failed_url"].replace("/view/", "/data/") + ".json").json()["jobs"]


def test_a_failed_job_is_shown_with_its_error(operator: OperatorBrowser, sms: Queue) -> None:
    job = failed_job(sms)
    [shown] = failed_jobs(operator)
    assert shown["id"] == job.id
    assert "the sender is not registered" in shown["exc_info"]
    assert operator.open(f"/rq/0/view/job/{job.id}").status_code == 200
    details = operator.get_json(f"/rq/0/data/job/{job.id}.json").json()
    assert (details["status"], details["origin"]) == ("failed", "sms")
    assert "NotRegisteredError" in details["exc_info"]


def test_a_repaired_job_runs_after_it_is_requeued(operator: OperatorBrowser, sms: Queue) -> None:
    job = failed_job(sms, "sunday")
    repairable_job.broken = False
    answer = operator.post(f"/rq/job/{job.id}/requeue")
    assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
    work(sms)
    assert repairable_job.done == ["sunday"]
    assert failed_jobs(operator) == []


def test_requeuing_keeps_the_meta_of_a_job_as_json(operator: OperatorBrowser, sms: Queue) -> None:
    job = failed_job(sms)
    job.meta = {"church": "one"}
    job.save_meta()
    operator.post(f"/rq/job/{job.id}/requeue")
    assert sms.connection.hget(job.key, "meta") == b'{"church": "one"}'


def test_all_failed_jobs_are_requeued_when_some_no_longer_exist(operator: OperatorBrowser, sms: Queue) -> None:
    jobs = [failed_job(sms, str(number)) for number in range(5)]
    sms.connection.delete(jobs[0].key, jobs[2].key)
    repairable_job.broken = False
    answer = operator.post("/rq/requeue/sms")
    assert answer.json() == {"status": "OK", "count": 3}
    work(sms)
    assert sorted(repairable_job.done) == ["1", "3", "4"]
    assert sms.failed_job_registry.get_job_ids() == []


def test_a_job_that_is_requeued_twice_runs_once(operator: OperatorBrowser, sms: Queue) -> None:
    job = failed_job(sms)
    repairable_job.broken = False
    assert operator.post(f"/rq/job/{job.id}/requeue").status_code == 200
    assert operator.post(f"/rq/job/{job.id}/requeue").status_code == 409
    work(sms)
    assert repairable_job.done == ["one"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", CHANGING)
def test_get_and_head_change_nothing(operator: OperatorBrowser, sms: Queue, path: str, method: str) -> None:
    failed_job(sms)
    answer = operator.session.request(method, operator.home + path, timeout=60)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert len(sms.failed_job_registry.get_job_ids()) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", [*CHANGING, "/operator/logout"])
def test_a_request_from_another_site_changes_nothing(
    operator: OperatorBrowser, sms: Queue, path: str, headers: dict[str, str]
) -> None:
    failed_job(sms)
    assert operator.post(path, **headers).status_code == 403
    assert len(sms.failed_job_registry.get_job_ids()) == 1
    assert operator.open("/rq/").url.endswith("/rq/")


@pytest.mark.parametrize(
    "path", ["/rq/0/view/job/gone", "/rq/0/data/job/gone.json", "/rq/9/", "/rq/0/view/jobs/sms/odd/8/asc/1"]
)
def test_an_unknown_page_answers_404(operator: OperatorBrowser, redis: Redis, path: str) -> None:
    assert operator.open(path).status_code == 404
    assert operator.get_json(path).headers["Content-Type"] == "application/problem+json"


def test_requeuing_an_unknown_job_answers_404(operator: OperatorBrowser, redis: Redis) -> None:
    assert operator.post("/rq/job/gone/requeue").status_code == 404


@pytest.mark.parametrize("registry", REGISTRIES)
def test_every_page_of_an_empty_registry_is_shown(operator: OperatorBrowser, redis: Redis, registry: str) -> None:
    for per_page, page, expected in ((8, 1, 200), (8, 2, 200), (1, 0, 200), (500, 9, 200), (0, 1, 404), (501, 1, 404)):
        for order in ("asc", "dsc"):
            place = f"sms/{registry}/{per_page}/{order}/{page}"
            assert operator.open(f"/rq/0/view/jobs/{place}").status_code == expected, place
            assert operator.get_json(f"/rq/0/data/jobs/{place}.json").status_code == expected, place


@pytest.mark.parametrize("registry", REGISTRIES)
def test_a_registry_is_emptied_when_one_of_its_jobs_no_longer_exists(
    operator: OperatorBrowser, sms: Queue, registry: str
) -> None:
    if registry == "queued":
        key = sms.key
        sms.connection.rpush(key, "gone")
    else:
        key = getattr(sms, f"{registry}_job_registry").key
        sms.connection.zadd(key, {"gone:execution" if registry == "started" else "gone": 9_999_999_999})
    assert operator.post(f"/rq/queue/sms/{registry}/empty").status_code == 200
    assert not sms.connection.exists(key)


def test_a_busy_worker_is_shown_with_its_job(operator: OperatorBrowser, sms: Queue) -> None:
    path = "tests.integration.operator.repairable_job.wait_for_release"
    sms.enqueue_call(path, description="waits", result_ttl=0)

    def current_jobs() -> list[Any]:
        answer = operator.get_json("/rq/0/data/workers.json")
        workers: list[dict[str, Any]] = answer.json()["workers"] if answer.status_code == 200 else []
        return [worker["current_job"] for worker in workers if worker["current_job"] != "idle"]

    def watch() -> list[Any]:
        shown: list[Any] = []
        try:
            wait_until(lambda: shown.extend(current_jobs()) or shown)
        finally:
            repairable_job.released.set()
        return shown

    with ThreadPoolExecutor(1) as threads:
        watching = threads.submit(watch)
        work(sms)

    assert watching.result()[0]["call_string"] == f"{path}()"


def test_an_unreachable_redis_is_reported(serve: Serve) -> None:
    browser = serve(redis_url="redis://:secret@127.0.0.1:1/0")
    browser.log_in()
    answer = browser.get_json("/rq/0/data/queues.json")
    assert answer.status_code == 503
    assert "Redis does not answer" in answer.json()["detail"]


def test_no_page_contains_the_redis_password(serve: Serve) -> None:
    browser = serve(redis_url="redis://user:secret@127.0.0.1:1/0")
    browser.log_in(PASSWORD)
    page = browser.open("/rq/0/view/jobs").text + browser.open("/rq/").text
    assert "secret" not in page


def test_every_link_and_file_of_the_front_page_exists(operator: OperatorBrowser, redis: Redis) -> None:
    page = Page(operator.open("/rq/").text)
    found = [element.attributes.get("href") or element.attributes.get("src") or "" for element in page.elements]
    paths = [path for path in found if path.startswith("/")]
    assert len(paths) >= 8
    for path in paths:
        assert operator.open(path).status_code == 200, path
