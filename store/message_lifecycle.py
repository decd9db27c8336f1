"""Changes of a message after it was accepted, from a change of its content to its completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store import message_totals, sql
from store.merge_fields import StoredMergeFields
from store.messages import Message

_SQL = sql.load("message_lifecycle")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedDeliveries:
    """How many deliveries were changed, and how many segments their texts have together."""

    deliveries: int
    segments: int


def complete(connection: Connection[Any], *, church_ids: Sequence[UUID] | None = None) -> int:
    """Mark messages with nothing left to submit as completed, of these churches or of all, and return how many."""
    of_churches = None if church_ids is None else list(church_ids)
    return _complete(connection, connection.execute(_SQL["lock_completable_messages"], {"church_ids": of_churches}))


def complete_submitted(connection: Connection[Any], message_ids: Sequence[UUID]) -> int:
    """Mark those of these messages with nothing left to submit as completed, and return how many."""
    return _complete(connection, connection.execute(_SQL["lock_completable_of"], {"message_ids": list(message_ids)}))


def _complete(connection: Connection[Any], locked: Cursor[tuple[Any, ...]]) -> int:
    found = [message_id for (message_id,) in locked]
    return connection.execute(_SQL["complete_messages"], {"message_ids": found}).rowcount if found else 0


def lock(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> Message | None:
    """Lock and return the message, so that changes by several people are serialized."""
    with connection.cursor(row_factory=class_row(Message)) as cursor:
        return cursor.execute(_SQL["lock_message"], {"church_id": church_id, "message_id": message_id}).fetchone()


def cancel(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> ChangedDeliveries:
    """Cancel the message, and return the deliveries that were canceled."""
    names = {"church_id": church_id, "message_id": message_id}
    connection.execute(_SQL["cancel_message"], names)
    return changed(connection, _SQL["cancel_deliveries"], names)


def changed(connection: Connection[Any], query: LiteralString, names: Mapping[str, Any]) -> ChangedDeliveries:
    """Run a query that changes deliveries and returns how many, and their segments."""
    with connection.cursor(row_factory=class_row(ChangedDeliveries)) as cursor:
        found = cursor.execute(query, names).fetchone()
    assert found is not None  # noqa: S101 - counts are always returned
    return found


def pause(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> None:
    """Stop submitting deliveries of the message until it is resumed."""
    names = {"church_id": church_id, "message_id": message_id}
    connection.execute(_SQL["pause_message"], names)
    connection.execute(_SQL["postpone_deliveries"], names)


def resume(connection: Connection[Any], *, church_id: UUID, message: Message) -> None:
    """Continue to submit the remaining deliveries of the message."""
    names = {"church_id": church_id, "message_id": message.message_id}
    connection.execute(_SQL["resume_message"], names)
    connection.execute(_SQL["restore_due_times"], {**names, "send_at": message.send_at})


def retry_failed(
    connection: Connection[Any],
    *,
    church_id: UUID,
    message_id: UUID,
    reasons: Sequence[str] | None,
    error_codes: Sequence[str] | None,
) -> ChangedDeliveries:
    """Queue failed deliveries again, all or those with these reasons and error codes, and return them."""
    names = {"church_id": church_id, "message_id": message_id}
    filters = {
        "reasons": None if reasons is None else list(reasons),
        "error_codes": None if error_codes is None else list(error_codes),
    }
    queued = changed(connection, _SQL["retry_deliveries"], {**names, **filters})
    if queued.deliveries:
        reopen(connection, church_id=church_id, message_id=message_id)
    return queued


def reopen(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> None:
    """Mark the message as not completed: it has deliveries to submit again."""
    connection.execute(_SQL["reopen_message"], {"church_id": church_id, "message_id": message_id})


def set_settled_at(connection: Connection[Any], *, give_up_seconds: float) -> int:
    """Set the `settledAt` of messages whose receipts need not be fetched any more, and return how many."""
    return connection.execute(
        _SQL["set_settled_at"],
        {"give_up_seconds": give_up_seconds, "final_after_seconds": message_totals.FINAL_AFTER_SECONDS},
    ).rowcount


def get_target(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> dict[str, list[str]]:
    """Returns the target of an existing message, as in NewMessage."""
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
    merge_fields: StoredMergeFields | None,
    target_type: str,
    target: dict[str, list[str]],
    send_at: datetime | None,
    urgent_reason: str | None,
) -> None:
    """Change a message that is locked and not expanded yet. `send_at` None means now."""
    connection.execute(
        _SQL["change_message"],
        {
            "church_id": church_id,
            "message_id": message_id,
            "content": content,
            "details": Jsonb(dict(details)),
            "segments": segments,
            "merge_fields": None if merge_fields is None else Jsonb(merge_fields),
            "target_type": target_type,
            "target": Jsonb(target),
            "send_at": send_at,
            "urgent_reason": urgent_reason,
        },
    )
