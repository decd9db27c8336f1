"""Who wants nothing more: consent, by church and address, with a history of every change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

UNSUBSCRIBE_LINK = "unsubscribe link"
"""The source of an opt-out by the link in a mail."""
UNDO_DAYS = 7
"""How long whoever has the link may undo it. Afterwards the church has to be told, and an operator lifts it."""

_SQL = sql.load("opt_outs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """To whom a delivery went, and from which church."""

    church_id: UUID
    church_name: str
    address: str
    opted_out: bool
    """By a person's own word; a bounce is none."""
    can_undo: bool
    """It was by the link in a mail, in the last days."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    """An address to which a church sends nothing."""

    address: str
    source: str
    """What it came from: `command`, `unsubscribe link`, `carrier` (the person sent STOP) or `bounce`."""
    opted_out_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentEvent:
    """One change, in the history."""

    address: str
    event: str
    """`opt_out` or `opt_in`."""
    source: str
    evidence: str | None
    happened_at: datetime


def recipient_of(connection: Connection[Any], delivery_id: UUID) -> Recipient | None:
    """The delivery's recipient; None when there is no such delivery."""
    names = {"delivery_id": delivery_id, "undoable_source": UNSUBSCRIBE_LINK, "undo_days": UNDO_DAYS}
    with connection.cursor(row_factory=class_row(Recipient)) as cursor:
        return cursor.execute(_SQL["recipient_of"], names).fetchone()


def opt_out(
    connection: Connection[Any], *, church_id: UUID, address: str, source: str, evidence: str | None = None
) -> bool:
    """Never again send anything of the church there. False when it was so before, and nothing changed."""
    names = {"church_id": church_id, "address": address, "source": source, "evidence": evidence}
    return connection.execute(_SQL["opt_out"], names).rowcount > 0


def opt_in(connection: Connection[Any], *, church_id: UUID, address: str, source: str, evidence: str) -> OptOut | None:
    """Lift whatever holds there, an opt-out or a bounce, from the next claim on. None when nothing did."""
    return _lift(connection, church_id=church_id, address=address, source=source, evidence=evidence)


def undo_unsubscribing(connection: Connection[Any], *, church_id: UUID, address: str, evidence: str) -> bool:
    """Lift an opt-out by link that is not older than UNDO_DAYS. False when it is no such one."""
    lifted = _lift(
        connection,
        church_id=church_id,
        address=address,
        source=UNSUBSCRIBE_LINK,
        evidence=evidence,
        only_source=UNSUBSCRIBE_LINK,
        since_days=UNDO_DAYS,
    )
    return lifted is not None


def get(connection: Connection[Any], *, church_id: UUID, address: str) -> OptOut | None:
    with connection.cursor(row_factory=class_row(OptOut)) as cursor:
        return cursor.execute(_SQL["get_opt_out"], {"church_id": church_id, "address": address}).fetchone()


def list_opt_outs(connection: Connection[Any], *, church_id: UUID, address: str | None = None) -> list[OptOut]:
    """What holds now, oldest first: of one address, or of all."""
    with connection.cursor(row_factory=class_row(OptOut)) as cursor:
        return cursor.execute(_SQL["list_opt_outs"], {"church_id": church_id, "address": address}).fetchall()


def history(connection: Connection[Any], *, church_id: UUID, address: str | None = None) -> list[ConsentEvent]:
    """Every change, oldest first: of one address, or of all."""
    with connection.cursor(row_factory=class_row(ConsentEvent)) as cursor:
        return cursor.execute(_SQL["list_consent_events"], {"church_id": church_id, "address": address}).fetchall()


def _lift(
    connection: Connection[Any],
    *,
    church_id: UUID,
    address: str,
    source: str,
    evidence: str,
    only_source: str | None = None,
    since_days: float | None = None,
) -> OptOut | None:
    names = {
        "church_id": church_id,
        "address": address,
        "source": source,
        "evidence": evidence,
        "only_source": only_source,
        "since_days": since_days,
    }
    with connection.cursor(row_factory=class_row(OptOut)) as cursor:
        return cursor.execute(_SQL["opt_in"], names).fetchone()
