"""Records in the audit what operators do at the dashboard.

Redis has no part in PostgreSQL's transactions. So the entry is stored before the action, and nothing happens without
one. If the action then fails, a second entry records that. If the process is killed in between, the entry may name an
action that did not take place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask.typing import RouteCallable
from redis import Redis

from api.operator import registries
from api.operator.guard import acting_session
from store import audit
from store.database import Database, system_scope
from store.operator_sessions import OperatorSession

_ACTIONS = {
    "requeue_job_view": "job.requeued",
    "delete_job_view": "job.deleted",
    "requeue_all": "queue.requeued",
    "empty_queue": "queue.emptied",
    "compact_queue": "queue.compacted",
}
_FAILED = {
    "job.requeued": "job.requeue_failed",
    "job.deleted": "job.delete_failed",
    "queue.requeued": "queue.requeue_failed",
    "queue.emptied": "queue.empty_failed",
    "queue.compacted": "queue.compact_failed",
}
_LONGEST_SUBJECT = 200


def with_audit(endpoint: str, view: Callable[..., Any], *, redis: Redis, database: Database) -> RouteCallable:
    """Return the view, which changes something, with its entries in the audit."""
    action = _ACTIONS.get(endpoint.rpartition(".")[2], "dashboard.changed")

    @wraps(view)
    def record_and_run(**parts: Any) -> Any:
        session, subject = acting_session(), _subject(parts)
        _record(database, session, action, subject, _details(redis, action, parts))
        try:
            return view(**parts)
        except Exception as error:
            failed = _FAILED.get(action, "dashboard.change_failed")
            _record(database, session, failed, subject, {"error": type(error).__name__})
            raise

    return record_and_run


def _subject(parts: Mapping[str, Any]) -> str:
    """Return the id of the job or the name of the queue, which come from the path."""
    text = str(parts.get("job_id") or parts.get("queue_name") or "")
    return text.replace("\0", "")[:_LONGEST_SUBJECT]


def _details(redis: Redis, action: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many jobs there are before the action. Raises RedisError."""
    match action:
        case "queue.requeued":
            return {"jobs": registries.count(redis, parts["queue_name"], "failed")}
        case "queue.emptied":
            registry = parts["registry_name"]
            return {"registry": registry, "jobs": registries.count(redis, parts["queue_name"], registry)}
        case _:
            return {}


def _record(
    database: Database, session: OperatorSession, action: str, subject: str, details: Mapping[str, Any]
) -> None:
    with system_scope(database) as connection:
        audit.record(connection, actor=session.actor, action=action, subject=subject, details=details)
