"""GET /api/audit: who changed what of a church."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api import query_parameters
from api.authentication import with_key
from api.base_models import STORABLE, ResponseModel, Timestamp
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.query_parameters import PageQuery
from api.services import services
from store import audit, sql
from store.api_keys import KeyHolder
from store.audit import AuditEvent
from store.database import church_scope


class AuditQuery(PageQuery):
    """The query parameters of a page of the audit."""

    subject: Annotated[str, StringConstraints(min_length=1, max_length=200), STORABLE] | None = Field(
        default=None, description="Only changes of this: the id of a message, of a schedule or of a key, or a channel."
    )


class AuditActor(ResponseModel):
    """Who made a change."""

    kind: Literal["key", "operator", "command", "service"] = Field(
        description=(
            "`key`: a program with a key of the church. `operator` and `command`: the people who run the service. "
            "`service`: the service itself."
        )
    )
    key_id: UUID | None = Field(description="The id of the key; null for other actors.")
    key_label: str | None = Field(description="What the key is for; null for other actors.")


class AuditEntry(ResponseModel):
    """One change."""

    id: UUID
    at: Timestamp
    actor: AuditActor
    action: str = Field(description="What happened, such as `message.canceled`.")
    subject: str = Field(description="The id or name of what was changed.")
    details: dict[str, Any] = Field(description="More about the change. Never texts, names or whole addresses.")


class AuditPage(ResponseModel):
    """Changes, newest first."""

    items: list[AuditEntry]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


_EXAMPLE: dict[str, Any] = {
    "items": [
        {
            "id": "0197a3f3-0a2b-7d31-9c44-2f1d7c6b5a90",
            "at": "2026-12-24T22:03:11Z",
            "actor": {"kind": "key", "keyId": "0197a3f0-6f2e-7b52-8a67-9d1c3e4f5a6b", "keyLabel": "front end"},
            "action": "message.canceled",
            "subject": "0197a3f2-77d0-7a51-8a1c-3b9f2f0f6a42",
            "details": {"deliveries": 312},
        }
    ],
    "next": None,
}


@endpoint(
    "GET /api/audit",
    tag="Audit",
    summary="List who changed what",
    authentication=with_key("audit:read"),
    query=AuditQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=AuditPage, example=_EXAMPLE),),
)
def list_audit_events(*, caller: KeyHolder, query: AuditQuery) -> ApiResponse:
    """Lists every change of what belongs to the church, such as messages, schedules, contacts, groups, imports, keys
    and senders, newest first. Entries are never changed. Pass `next` as `cursor` to get the following page. Keys that
    were created before this list existed do not have its scope."""
    with church_scope(services().database, caller.church_id) as connection:
        found = audit.list_events(
            connection,
            church_id=caller.church_id,
            subject=query.subject,
            before=query.cursor or sql.LAST_ID,
            limit=query.limit + 1,
        )
    shown = found[: query.limit]
    page = AuditPage(
        items=[_entry(event) for event in shown],
        next=query_parameters.write_cursor(shown[-1].audit_event_id) if len(found) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)


def _entry(event: AuditEvent) -> AuditEntry:
    """Return the entry as the church sees it: without the names of the people and hosts that run the service."""
    is_key = event.actor_kind == "key"
    return AuditEntry(
        id=event.audit_event_id,
        at=event.happened_at,
        actor=AuditActor(
            kind=event.actor_kind, key_id=UUID(event.actor) if is_key else None, key_label=event.actor_label
        ),
        action=event.action,
        subject=event.subject,
        details=dict(event.details),
    )
