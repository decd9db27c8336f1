"""Pages of opt-outs, the consent of people, and its history: what the API shows. See also store/opt_outs.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import opt_outs, sql
from store.audit import Actor
from store.opt_outs import ConsentEvent, OptOut

_SQL = sql.load("consent")

LATEST_EVENTS = 200
"""How many entries of the history of an address are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedOptOut:
    """An opt-out in a page. `tie` orders those of one time."""

    address: str
    source: str
    opted_out_at: datetime
    sender: str | None
    tie: UUID


def page(
    connection: Connection[Any],
    *,
    church_id: UUID,
    before_at: datetime,
    before_tie: UUID,
    limit: int,
    addresses: Sequence[str] | None = None,
    source: str | None = None,
) -> list[ListedOptOut]:
    """Returns up to `limit` present opt-outs before a time and tie, newest first: of these addresses, this source."""
    names = {
        "church_id": church_id,
        "before_at": before_at,
        "before_tie": before_tie,
        "row_limit": limit,
        "addresses": None if addresses is None else list(addresses),
        "source": source,
    }
    with connection.cursor(row_factory=class_row(ListedOptOut)) as cursor:
        return cursor.execute(_SQL["list_opt_outs_before"], names).fetchall()


def opt_outs_of(connection: Connection[Any], *, church_id: UUID, addresses: Sequence[str]) -> list[OptOut]:
    """Returns the present opt-outs of the addresses, also those of single senders."""
    names = {"church_id": church_id, "addresses": list(addresses)}
    with connection.cursor(row_factory=class_row(OptOut)) as cursor:
        return cursor.execute(_SQL["find_opt_outs_of"], names).fetchall()


def opt_in(
    connection: Connection[Any], *, church_id: UUID, address: str, source: str, evidence: str, actor: Actor
) -> OptOut | None:
    """Record that the person agrees to get messages, and lift the opt-outs of the address. Returns the first of them.

    None if there was none: the consent is recorded all the same, as evidence.
    """
    lifted = opt_outs.opt_in(
        connection, church_id=church_id, address=address, source=source, evidence=evidence, actor=actor
    )
    if lifted is None:
        names = {"church_id": church_id, "address": address, "source": source, "evidence": evidence}
        connection.execute(_SQL["record_consent"], {**names, "actor_kind": actor.kind, "actor": actor.name})
    return lifted


def latest_events(connection: Connection[Any], *, church_id: UUID, address: str) -> list[ConsentEvent]:
    """Returns the latest LATEST_EVENTS changes of the address, newest first."""
    names = {"church_id": church_id, "address": address, "row_limit": LATEST_EVENTS}
    with connection.cursor(row_factory=class_row(ConsentEvent)) as cursor:
        return cursor.execute(_SQL["latest_events"], names).fetchall()


def addresses_of_contact(connection: Connection[Any], *, church_id: UUID, contact_id: UUID) -> list[str] | None:
    """Returns the phone number and the mail address of the contact, as far as it has them; None without a contact."""
    names = {"church_id": church_id, "contact_id": contact_id}
    row = connection.execute(_SQL["get_addresses"], names).fetchone()
    return None if row is None else [address for address in row if address is not None]
