"""Reads the whole state of a church, for `flask church show`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from store import api_keys, church_overview, keyword_replies
from store.api_keys import ApiKey
from store.church_overview import ChurchState, DayTotal, ListedSchedule, OpenMessage, SenderState
from store.keyword_replies import KeywordReplies

SHOWN = 10
"""The most schedules, keys and open messages that are read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChurchDetails:
    church: ChurchState
    senders: list[SenderState]
    schedules: list[ListedSchedule]
    schedules_found: int
    keys: list[ApiKey]
    """Without revoked ones, unless there is space; the last used first."""
    keys_found: int
    open_messages: list[OpenMessage]
    open_messages_found: int
    today: list[DayTotal]
    replies: KeywordReplies
    """The answers to keywords."""


def read_details(connection: Connection[Any], church_id: UUID) -> ChurchDetails | None:
    """Return the state of the church, or None if it does not exist."""
    church = church_overview.get(connection, church_id)
    replies = keyword_replies.get(connection, church_id)
    if church is None or replies is None:
        return None
    schedules = church_overview.list_schedules(connection, church_id, limit=SHOWN)
    open_messages = church_overview.list_open_messages(connection, church_id, limit=SHOWN)
    keys = api_keys.list_keys(connection, church_id=church_id)
    keys.sort(key=lambda key: (key.revoked_at is not None, -(key.last_used_at or key.created_at).timestamp()))
    return ChurchDetails(
        church=church,
        senders=church_overview.list_senders(connection, church_id),
        schedules=schedules,
        schedules_found=schedules[0].found if schedules else 0,
        keys=keys[:SHOWN],
        keys_found=len(keys),
        open_messages=open_messages,
        open_messages_found=open_messages[0].found if open_messages else 0,
        today=church_overview.todays_totals(connection, church_id),
        replies=replies,
    )
