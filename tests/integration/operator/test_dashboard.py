"""What operators see of their queues, and how they set failed jobs going again."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from redis import Redis
from rq import Queue

from tests.integration.operator import repairable_job
from tests.integration.operator.conftest import REGISTRIES, Serve, failed_job, work
from tests.integration.operator.operator_browser import PASSWORD, OperatorBrowser, Page

CHANGING = ("/rq/requeue/sms", "/rq/job/some-id/requeue", "/rq/queue/sms/failed/empty", "/rq/queue/sms/compact")


def failed_jobs(operator: OperatorBrowser) -> list[dict[str, str]]:
    """Those that the page of failed jobs lists, found as a person finds it: from the front page, by its link."""
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


def test_a_mended_job_is_requeued_and_runs(operator: OperatorBrowser, sms: Queue) -> None:
    job = failed_job(sms, "sunday")
    repairable_job.broken = False
    answer = operator.post(f"/rq/job/{job.id}/requeue")
    assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
    work(sms)
    assert repairable_job.done == ["sunday"]
    assert failed_jobs(operator) == []


def test_requeuing_leaves_the_jobs_meta_readable(operator: OperatorBrowser, sms: Queue) -> None:
    job = failed_job(sms)
    job.meta = {"church": "one"}
    job.save_meta()
    operator.post(f"/rq/job/{job.id}/requeue")
    assert sms.connection.hget(job.key, "meta") == b'{"church": "one"}'


def test_all_failed_jobs_are_requeued_though_one_has_vanished(operator: OperatorBrowser, sms: Queue) -> None:
    jobs = [failed_job(sms, str(number)) for number in range(5)]
    sms.connection.delete(jobs[0].key, jobs[2].key)
    repairable_job.broken = False
    answer = operator.post("/rq/requeue/sms")
    assert answer.json() == {"status": "OK", "count": 3}
    work(sms)
    assert sorted(repairable_job.done) == ["1", "3", "4"]
    assert sms.failed_job_registry.get_job_ids() == []


def test_requeuing_twice_runs_once(operator: OperatorBrowser, sms: Queue) -> None:
    job = failed_job(sms)
    repairable_job.broken = False
    assert operator.post(f"/rq/job/{job.id}/requeue").status_code == 200
    assert operator.post(f"/rq/job/{job.id}/requeue").status_code == 409
    work(sms)
    assert repairable_job.done == ["one"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", CHANGING)
def test_a_link_changes_nothing(operator: OperatorBrowser, sms: Queue, path: str, method: str) -> None:
    failed_job(sms)
    answer = operator.session.request(method, operator.home + path, timeout=10)
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
def test_another_sites_page_changes_nothing(
    operator: OperatorBrowser, sms: Queue, path: str, headers: dict[str, str]
) -> None:
    failed_job(sms)
    assert operator.post(path, **headers).status_code == 403
    assert len(sms.failed_job_registry.get_job_ids()) == 1
    assert operator.open("/rq/").url.endswith("/rq/")


@pytest.mark.parametrize(
    "path", ["/rq/0/view/job/gone", "/rq/0/data/job/gone.json", "/rq/9/", "/rq/0/view/jobs/sms/odd/8/asc/1"]
)
def test_what_is_not_there_is_not_found(operator: OperatorBrowser, redis: Redis, path: str) -> None:
    assert operator.open(path).status_code == 404
    assert operator.get_json(path).headers["Content-Type"] == "application/problem+json"


def test_requeuing_what_is_gone_is_not_found(operator: OperatorBrowser, redis: Redis) -> None:
    assert operator.post("/rq/job/gone/requeue").status_code == 404


@pytest.mark.parametrize("registry", REGISTRIES)
def test_no_page_of_an_empty_registry_breaks(operator: OperatorBrowser, redis: Redis, registry: str) -> None:
    for per_page, page, expected in ((8, 1, 200), (8, 2, 200), (1, 0, 200), (500, 9, 200), (0, 1, 404), (501, 1, 404)):
        for order in ("asc", "dsc"):
            place = f"sms/{registry}/{per_page}/{order}/{page}"
            assert operator.open(f"/rq/0/view/jobs/{place}").status_code == expected, place
            assert operator.get_json(f"/rq/0/data/jobs/{place}.json").status_code == expected, place


@pytest.mark.parametrize("registry", REGISTRIES)
def test_a_registry_is_emptied_though_a_job_has_vanished(operator: OperatorBrowser, sms: Queue, registry: str) -> None:
    if registry == "queued":
        key = sms.key
        sms.connection.rpush(key, "gone")
    else:
        key = getattr(sms, f"{registry}_job_registry").key
        sms.connection.zadd(key, {"gone:execution" if registry == "started" else "gone": 9_999_999_999})
    assert operator.post(f"/rq/queue/sms/{registry}/empty").status_code == 200
    assert not sms.connection.exists(key)


def test_a_worker_at_work_is_shown_with_its_job(operator: OperatorBrowser, sms: Queue) -> None:
    sms.enqueue_call("time.sleep", args=(1.5,), description="a nap", result_ttl=0)
    seen = threading.Event()
    shown: list[dict[str, Any]] = []

    def watch() -> None:
        while not seen.is_set() and not any(worker["current_job"] != "idle" for worker in shown):
            answer = operator.get_json("/rq/0/data/workers.json")
            shown[:] = answer.json()["workers"] if answer.status_code == 200 else [{"current_job": "idle"}]

    thread = threading.Thread(target=watch)
    thread.start()
    work(sms)
    seen.set()
    thread.join()
    assert shown[0]["current_job"]["call_string"] == "time.sleep(1.5)"


def test_redis_away_is_said_so(serve: Serve) -> None:
    browser = serve(redis_url="redis://:secret@127.0.0.1:1/0")
    browser.log_in()
    answer = browser.get_json("/rq/0/data/queues.json")
    assert answer.status_code == 503
    assert "Redis does not answer" in answer.json()["detail"]


def test_the_redis_password_is_on_no_page(serve: Serve) -> None:
    browser = serve(redis_url="redis://user:secret@127.0.0.1:1/0")
    browser.log_in(PASSWORD)
    page = browser.open("/rq/0/view/jobs").text + browser.open("/rq/").text
    assert "secret" not in page


def test_every_link_and_file_of_the_front_page_is_there(operator: OperatorBrowser, redis: Redis) -> None:
    page = Page(operator.open("/rq/").text)
    found = [element.attributes.get("href") or element.attributes.get("src") or "" for element in page.elements]
    paths = [path for path in found if path.startswith("/")]
    assert len(paths) >= 8
    for path in paths:
        assert operator.open(path).status_code == 200, path
