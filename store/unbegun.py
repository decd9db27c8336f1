"""Messages that have not begun: what people may still change about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from store import sql

_SQL = sql.load("unbegun")


def target(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> dict[str, list[str]]:
    """Whom a message that exists is for, as in `NewMessage`."""
    row = connection.execute(_SQL["get_target"], {"church_id": church_id, "message_id": message_id}).fetchone()
    assert row is not None  # noqa: S101 - messages are never deleted
    return row[0]


def change(
    connection: Connection[Any],
    *,
    church_id: UUID,
    message_id: UUID,
    content: str,
    details: Mapping[str, Any],
    segments: int,
    target_type: str,
    target: dict[str, list[str]],
    send_at: datetime | None,
    urgent_reason: str | None,
) -> None:
    """Make another message of one that is locked and not begun. `send_at` None: now."""
    connection.execute(
        _SQL["change_message"],
        {
            "church_id": church_id,
            "message_id": message_id,
            "content": content,
            "details": Jsonb(dict(details)),
            "segments": segments,
            "target_type": target_type,
            "target": Jsonb(target),
            "send_at": send_at,
            "urgent_reason": urgent_reason,
        },
    )
