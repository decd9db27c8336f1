"""Messages that people write to churches: stored once, for the church whose number was written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from messaging.consent_keywords import KeywordKind
from store import sql

MOST_MESSAGES = 2000
MOST_MESSAGES_EACH, LEAST_MESSAGES_EACH = 200, 10
"""How many of the latest messages are looked through for the person, if several churches share a number: of all these
churches together (as in the query), and of each."""

_SQL = sql.load("inbox")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewInboundMessage:
    """A message to store."""

    church_id: UUID
    channel: str
    carrier_id: str
    from_address: str
    to_address: str
    content: str
    media: Sequence[Mapping[str, str]]
    """Each with `url` and `contentType`."""
    keyword: KeywordKind | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Addressees:
    """The churches that were written to."""

    church_ids: list[UUID]
    """All that send from the number or messaging service."""
    owner: UUID
    """The one to which the message belongs."""
    senders: list[str]
    """The keys under which opt-outs of the sender that was written to are stored."""


def find_addressees(
    connection: Connection[Any], *, to_address: str, messaging_service_sid: str | None, from_address: str
) -> Addressees | None:
    """Returns the churches that send from this address or messaging service; None if there are none.

    If several share it, the message belongs to the one that texted the person last; else to the first one that has the
    person among its contacts; else to the church that exists the longest.
    """
    names = {"to_address": to_address, "messaging_service_sid": messaging_service_sid}
    found = connection.execute(_SQL["find_churches"], names).fetchall()
    if not found:
        return None
    church_ids = list(dict.fromkeys(church_id for church_id, _ in found))
    return Addressees(
        church_ids=church_ids,
        owner=_owner(connection, church_ids, from_address=from_address),
        senders=sorted({sender for _, sender in found}),
    )


def _owner(connection: Connection[Any], church_ids: list[UUID], *, from_address: str) -> UUID:
    if len(church_ids) == 1:
        return church_ids[0]
    each = min(MOST_MESSAGES_EACH, max(LEAST_MESSAGES_EACH, MOST_MESSAGES // len(church_ids)))
    sharing = {"church_ids": church_ids, "from_address": from_address, "messages_each": each}
    row = (
        connection.execute(_SQL["find_last_texter"], sharing).fetchone()
        or connection.execute(_SQL["find_church_of_contact"], sharing).fetchone()
    )
    return row[0] if row else church_ids[0]


def insert(connection: Connection[Any], new: NewInboundMessage) -> UUID | None:
    """Store the message and return its id; None if it is stored already."""
    names = {
        "church_id": new.church_id,
        "channel": new.channel,
        "carrier_id": new.carrier_id,
        "from_address": new.from_address,
        "to_address": new.to_address,
        "content": new.content,
        "media": Jsonb([dict(each) for each in new.media]),
        "keyword": new.keyword,
    }
    row = connection.execute(_SQL["insert_inbound_message"], names).fetchone()
    return None if row is None else row[0]


def was_answered(connection: Connection[Any], *, from_address: str, to_address: str, kind: KeywordKind) -> bool:
    """Whether a keyword of the person to this address was answered within a day. Calls for help count by themselves."""
    names = {"from_address": from_address, "to_address": to_address, "is_help": kind is KeywordKind.HELP}
    row = connection.execute(_SQL["was_answered"], names).fetchone()
    return row is not None and row[0]


def set_keyword_reply(connection: Connection[Any], *, inbound_message_id: UUID, message_id: UUID) -> None:
    """Record which message answers the keyword."""
    names = {"inbound_message_id": inbound_message_id, "message_id": message_id}
    connection.execute(_SQL["set_keyword_reply"], names)
