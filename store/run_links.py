"""Shortens the links in the messages that schedules create: each message has links of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.links import LinkRules
from messaging.merge_fields import parse
from store import links, merge_fields, sql
from store.merge_fields import StoredMergeFields

_SQL = sql.load("run_links")


@dataclass(frozen=True, kw_only=True, slots=True)
class _RunMessage:
    message_id: UUID
    church_id: UUID
    channel: str
    content: str
    send_at: datetime
    link_domain: str | None
    merge_fields: StoredMergeFields | None


def shorten_runs(
    connection: Connection[Any], rules: LinkRules, *, schedule_ids: Sequence[UUID], run_ats: Sequence[datetime]
) -> None:
    """Shorten the links in the messages of these runs, as shorten() does."""
    runs = {"schedule_ids": list(schedule_ids), "run_ats": list(run_ats)}
    found = connection.execute(_SQL["list_messages_of_runs"], runs).fetchall()
    shorten(connection, rules, message_ids=[message_id for (message_id,) in found])


def shorten(connection: Connection[Any], rules: LinkRules, *, message_ids: Sequence[UUID]) -> None:
    """Shorten the links in these messages of schedules, in the transaction that created them, if they are to be.

    A text that would be too long with short links keeps its own.
    """
    with connection.cursor(row_factory=class_row(_RunMessage)) as cursor:
        found = cursor.execute(_SQL["find_messages_to_shorten"], {"message_ids": list(message_ids)}).fetchall()
    for message in found:
        text = rules.service.of_church(message.link_domain).shorten(message.content)
        stored, counted = None, text.text
        if message.merge_fields is not None:
            merge_text = parse(text.text)
            stored, counted = merge_fields.with_content(message.merge_fields, merge_text), merge_text.merge(None)
        segments = rules.segments_of(message.channel, counted)
        if segments is None or not text.urls:
            continue
        connection.execute(
            _SQL["set_content"],
            {
                "message_id": message.message_id,
                "content": text.text,
                "segments": segments,
                "merge_fields": None if stored is None else Jsonb(stored),
            },
        )
        links.set_of_message(
            connection,
            church_id=message.church_id,
            message_id=message.message_id,
            urls=text.urls,
            send_at=message.send_at,
        )
