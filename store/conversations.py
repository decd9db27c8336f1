"""Conversations: what a church and one phone number have written to each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("conversations")

MOST_UNREAD = 100
"""How many unread messages of one person are counted."""
LOOK_BACK = 1000
"""How many broadcasts of a church one page of a conversation looks through."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    conversation_id: UUID | None
    """None: neither has written to the other alone yet."""
    address: str | None
    """None: the contact has no phone number."""
    contact_id: UUID | None
    """The contact by whose id it was found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LatestConversation:
    """A conversation in the list, with its last text."""

    conversation_id: UUID
    address: str
    last_reply_id: UUID
    last_at: datetime | None
    """None: the last text is no longer kept."""
    last_content: str | None
    last_is_inbound: bool
    unread: int
    """Counted up to MOST_UNREAD."""
    opted_out_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A place in a conversation: before it are the texts with an earlier time, or the same time and a smaller id."""

    at: datetime
    id: UUID

    @property
    def bounding_id(self) -> UUID:
        """The id (UUIDv7) below which are exactly the ids that are before this place: they begin with their time."""
        elapsed = self.at - _BEGINNING
        millisecond = elapsed // timedelta(milliseconds=1)
        first, following = UUID(int=millisecond << 80), UUID(int=(millisecond + 1) << 80)
        if elapsed % timedelta(milliseconds=1):
            return following
        return min(max(self.id, first), following)


BEGINNING = Place(at=_BEGINNING, id=sql.FIRST_ID)
END = Place(at=_END, id=sql.LAST_ID)
"""Behind the newest text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """One text of a conversation."""

    at: datetime
    """By which texts are ordered."""
    id: UUID
    """Of the inbound message, or of the message that was sent."""
    shown_at: datetime
    kind: str
    """`inbound`, or as in messages.kind."""
    channel: str
    content: str
    media: list[dict[str, Any]]
    keyword: str | None
    read_at: datetime | None
    message_id: UUID | None
    delivery_id: UUID | None
    status: str | None
    reason: str | None
    error_code: str | None

    @property
    def place(self) -> Place:
        return Place(at=self.at, id=self.id)


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """A page of a conversation, newest first. `next`: where the following page begins; None if there is none."""

    texts: list[Text]
    next: Place | None


def page(
    connection: Connection[Any], *, church_id: UUID, channel: str, before: UUID | None, limit: int
) -> list[LatestConversation]:
    """Returns up to `limit` conversations whose last text is older than that of the id `before`, the latest first.

    `channel` is that of replies: `opted_out_at` is when its present sender, or the church, lost the right to write.
    """
    names = {
        "church_id": church_id,
        "channel": channel,
        "before": before or sql.LAST_ID,
        "row_limit": limit,
        "most_unread": MOST_UNREAD,
    }
    with connection.cursor(row_factory=class_row(LatestConversation)) as cursor:
        return cursor.execute(_SQL["page_conversations"], names).fetchall()


def find(connection: Connection[Any], *, church_id: UUID, any_id: UUID) -> Conversation | None:
    """Returns the conversation with this id, or that with the number of the contact with this id."""
    with connection.cursor(row_factory=class_row(Conversation)) as cursor:
        return cursor.execute(_SQL["find_conversation"], {"church_id": church_id, "id": any_id}).fetchone()


def find_by_address(connection: Connection[Any], *, church_id: UUID, address: str) -> Conversation | None:
    names = {"church_id": church_id, "address": address}
    with connection.cursor(row_factory=class_row(Conversation)) as cursor:
        return cursor.execute(_SQL["find_conversation_of_address"], names).fetchone()


def count_unread(connection: Connection[Any], *, church_id: UUID, address: str) -> int:
    """Returns how much of what the person wrote nobody has read, up to MOST_UNREAD."""
    names = {"church_id": church_id, "address": address, "most_unread": MOST_UNREAD}
    row = connection.execute(_SQL["count_unread"], names).fetchone()
    return row[0] if row else 0


def wrote_since(connection: Connection[Any], *, church_id: UUID, address: str, since: datetime) -> bool:
    """Returns whether the person has written to the church since then."""
    names = {"church_id": church_id, "address": address, "since": sql.first_id_at(since)}
    row = connection.execute(_SQL["wrote_since"], names).fetchone()
    return bool(row and row[0])


def history(
    connection: Connection[Any],
    *,
    church_id: UUID,
    address: str,
    conversation_id: UUID | None,
    before: Place = END,
    limit: int,
    look_back: int = LOOK_BACK,
) -> History:
    """Returns up to `limit` texts before the place.

    A page looks through at most `look_back` broadcasts of the church: it may have few texts, or none, although there
    are older ones. Suppressed deliveries are left out.
    """
    names = {
        "church_id": church_id,
        "address": address,
        "conversation_id": conversation_id,
        "before_at": before.at,
        "before_message_id": before.id,
        "before_id": before.bounding_id,
        "look_back": look_back,
        "row_limit": limit + 1,
    }
    found = connection.execute(_SQL["find_horizon"], names).fetchone()
    horizon = Place(at=found[0], id=found[1]) if found else BEGINNING
    with connection.cursor(row_factory=class_row(Text)) as cursor:
        texts = cursor.execute(
            _SQL["page_history"], {**names, "horizon_at": horizon.at, "horizon_id": horizon.id}
        ).fetchall()
    if len(texts) > limit:
        return History(texts=texts[:limit], next=texts[limit - 1].place)
    return History(texts=texts, next=horizon if found else None)
