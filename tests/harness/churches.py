"""Creates churches with a key and a sender, and contacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from api.keys import SCOPES, new_key
from messaging.quiet_hours import Window
from store import api_keys, churches, contacts, senders
from store.contacts import Person
from store.database import Database, church_scope, system_scope
from tests.harness.texting_hours import ANY_HOUR


@dataclass(frozen=True, kw_only=True)
class KnownChurch:
    """A church in the database, and its API key."""

    church_id: UUID
    key: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def create_church(
    database: Database,
    *,
    scopes: Sequence[str] = SCOPES,
    sender: str | None = "+15005550006",
    segments_per_second: float | None = None,
    window: Window = ANY_HOUR,
) -> KnownChurch:
    """Create a church that may text at any hour, because tests may run at night.

    `sender` is its number for sms; None for no sender.
    """
    with system_scope(database) as connection:
        church_id = churches.create(
            connection, name=f"Church {uuid4().hex[:8]}", time_zone="America/New_York", window=window
        )
        if sender is not None:
            senders.save(
                connection,
                church_id=church_id,
                channel="sms",
                address=sender,
                messaging_service_sid=None,
                segments_per_second=segments_per_second,
            )
        return KnownChurch(church_id=church_id, key=_key(connection, church_id, scopes))


def another_key(database: Database, church_id: UUID, *, scopes: Sequence[str]) -> str:
    """Create another API key of the church, with these scopes only."""
    with system_scope(database) as connection:
        return _key(connection, church_id, scopes)


def add_contacts(database: Database, church_id: UUID, *, count: int, first: int = 0) -> list[UUID]:
    """Create contacts with consecutive valid numbers, from +12025550000 on. Return their ids."""
    people = [Person(name=f"Person {n}", phone=f"+1202{5550000 + n}") for n in range(first, first + count)]
    with church_scope(database, church_id) as connection:
        return [added.contact_id for added in contacts.add(connection, church_id=church_id, people=people)]


def _key(connection: Connection[Any], church_id: UUID, scopes: Sequence[str]) -> str:
    plain, secret_hash = new_key()
    api_keys.add(connection, church_id=church_id, label="test", secret_hash=secret_hash, scopes=list(scopes))
    return plain
