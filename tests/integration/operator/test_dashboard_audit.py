"""Everything that changes something at the dashboard is in the audit, with the operator's name."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from redis import Redis
from rq import Queue

from api.app import create_app
from api.operator.origin import SAFE_METHODS
from api.services import services
from settings import Settings
from store.database import Database
from tests.integration.operator.conftest import Serve, failed_job, recorded
from tests.integration.operator.operator_browser import PASSWORD_OF_NAMED, OperatorBrowser

CHANGES: dict[str, tuple[Callable[[str], str], str, bool]] = {
    "requeue_job_view": (lambda job_id: f"/rq/job/{job_id}/requeue", "job.requeued", True),
    "delete_job_view": (lambda job_id: f"/rq/job/{job_id}/delete", "job.deleted", True),
    "requeue_all": (lambda _: "/rq/requeue/sms", "queue.requeued", False),
    "empty_queue": (lambda _: "/rq/queue/sms/failed/empty", "queue.emptied", False),
    "compact_queue": (lambda _: "/rq/queue/sms/compact", "queue.compacted", False),
}
"""By view: its path, its action, and whether the subject is the job (otherwise it is the queue)."""


@pytest.fixture
def ruth(anonymous: OperatorBrowser, add_operator: Callable[[str], None]) -> OperatorBrowser:
    add_operator("ruth")
    assert anonymous.log_in(PASSWORD_OF_NAMED, name="ruth").url.endswith("/rq/")
    return anonymous


def test_every_view_that_changes_something_is_known_here(settings: Settings) -> None:
    app = create_app(settings, warm=False)
    changing = {
        rule.endpoint.rpartition(".")[2]
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("rq_dashboard.") and (rule.methods or set()) - SAFE_METHODS
    }
    services(app).close()

    assert changing == CHANGES.keys()


@pytest.mark.parametrize("view", CHANGES)
def test_a_change_is_recorded_with_the_operators_name(
    view: str, ruth: OperatorBrowser, sms: Queue, database: Database
) -> None:
    path, action, is_about_job = CHANGES[view]
    job = failed_job(sms)
    sms.connection.rpush(sms.key, "gone")  # an entry without a job, which compacting removes

    assert ruth.post(path(job.id)).status_code == 200

    event = recorded(database)[-1]
    assert (event.actor_kind, event.actor, event.action) == ("operator", "ruth", action)
    assert event.subject == (job.id if is_about_job else "sms")
    assert event.details.get("jobs", 1) == 1


def test_the_shared_password_is_recorded_as_operator(operator: OperatorBrowser, sms: Queue, database: Database) -> None:
    operator.post(f"/rq/job/{failed_job(sms).id}/requeue")

    assert [(event.actor, event.action) for event in recorded(database)] == [
        ("operator", "operator.logged_in"),
        ("operator", "job.requeued"),
    ]


def test_a_change_that_fails_is_recorded_as_failed(ruth: OperatorBrowser, sms: Queue, database: Database) -> None:
    assert ruth.post("/rq/job/gone%00/requeue").status_code == 404

    assert [(event.action, event.subject) for event in recorded(database)[-2:]] == [
        ("job.requeued", "gone"),
        ("job.requeue_failed", "gone"),
    ]


def test_nothing_happens_that_cannot_be_recorded(
    ruth: OperatorBrowser, sms: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = failed_job(sms)

    def fail(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("the connection was lost")

    monkeypatch.setattr("store.audit.record", fail)

    assert ruth.post(f"/rq/job/{job.id}/requeue").status_code == 503
    assert sms.failed_job_registry.get_job_ids() == [job.id]


@pytest.mark.parametrize("view", CHANGES)
def test_a_refused_request_records_nothing(
    view: str, ruth: OperatorBrowser, serve: Serve, sms: Queue, database: Database
) -> None:
    job = failed_job(sms)
    path = CHANGES[view][0](job.id)
    before = recorded(database)

    assert serve().post(path).status_code == 401
    assert ruth.post(path, Origin="https://evil.example").status_code == 403
    assert ruth.session.get(ruth.home + path, timeout=60).status_code == 405

    assert recorded(database) == before


def test_reading_records_nothing(ruth: OperatorBrowser, redis: Redis, sms: Queue, database: Database) -> None:
    job = failed_job(sms)
    before = recorded(database)

    for path in ("/rq/", "/rq/0/view/workers", f"/rq/0/view/job/{job.id}"):
        assert ruth.open(path).status_code == 200

    assert recorded(database) == before
