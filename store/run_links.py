"""Shortens the links in the messages that runs of schedules create: each message has links of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.links import LinkRules
from store import links, sql

_SQL = sql.load("run_links")


@dataclass(frozen=True, kw_only=True, slots=True)
class _RunMessage:
    message_id: UUID
    church_id: UUID
    channel: str
    content: str
    send_at: datetime
    link_domain: str | None


def shorten(
    connection: Connection[Any], rules: LinkRules, *, schedule_ids: Sequence[UUID], run_ats: Sequence[datetime]
) -> None:
    """Shorten the links in the messages of these runs, in the transaction that created them.

    A text that would be too long with short links keeps its own.
    """
    runs = {"schedule_ids": list(schedule_ids), "run_ats": list(run_ats)}
    with connection.cursor(row_factory=class_row(_RunMessage)) as cursor:
        found = cursor.execute(_SQL["find_runs_to_shorten"], runs).fetchall()
    for message in found:
        text = rules.service.of_church(message.link_domain).shorten(message.content)
        segments = rules.segments_of(message.channel, text.text)
        if segments is None or not text.urls:
            continue
        connection.execute(
            _SQL["set_content"], {"message_id": message.message_id, "content": text.text, "segments": segments}
        )
        links.set_of_message(
            connection,
            church_id=message.church_id,
            message_id=message.message_id,
            urls=text.urls,
            send_at=message.send_at,
        )
