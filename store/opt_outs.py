"""Opt-outs by church and address, with a history of every change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

UNSUBSCRIBE_LINK = "unsubscribe link"
"""The source of an opt-out through the link in a mail."""
BOUNCE = "bounce"
"""The source of an opt-out that follows from a bounced mail."""
UNDO_DAYS = 7
"""For how many days the link can undo the opt-out. Afterwards only an operator can lift it, at the church's request."""

_SQL = sql.load("opt_outs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """The recipient of a delivery, and the church that sent it."""

    church_id: UUID
    church_name: str
    address: str
    opted_out: bool
    """By a person; a bounce does not count."""
    can_undo: bool
    """Opted out through the link in a mail, at most UNDO_DAYS ago."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    """An address to which a church sends nothing."""

    address: str
    source: str
    """`command`, `unsubscribe link`, `carrier` (the person sent STOP) or `bounce`."""
    opted_out_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentEvent:
    """One entry of the history."""

    address: str
    event: str
    """`opt_out` or `opt_in`."""
    source: str
    evidence: str | None
    happened_at: datetime


def recipient_of(
    connection: Connection[Any], delivery_id: UUID, *, church_id: UUID | None = None, address: str | None = None
) -> Recipient | None:
    """Returns the recipient of the delivery; None if there is none.

    `church_id` and `address` say who it is if the delivery or its address is no longer kept.
    """
    names = {
        "delivery_id": delivery_id,
        "church_id": church_id,
        "address": address,
        "undoable_source": UNSUBSCRIBE_LINK,
        "undo_days": UNDO_DAYS,
    }
    with connection.cursor(row_factory=class_row(Recipient)) as cursor:
        return cursor.execute(_SQL["recipient_of"], names).fetchone()


def opt_out(
    connection: Connection[Any], *, church_id: UUID, address: str, source: str, evidence: str | None = None
) -> bool:
    """Record that the church may send nothing to the address. Returns False if that was recorded before."""
    names = {"church_id": church_id, "address": address, "source": source, "evidence": evidence}
    return connection.execute(_SQL["opt_out"], names).rowcount > 0


def opt_in(connection: Connection[Any], *, church_id: UUID, address: str, source: str, evidence: str) -> OptOut | None:
    """Lift the opt-out or bounce of the address, from the next claim on. Returns it; None if there was none."""
    return _lift(connection, church_id=church_id, address=address, source=source, evidence=evidence)


def undo_unsubscribing(connection: Connection[Any], *, church_id: UUID, address: str, evidence: str) -> bool:
    """Lift an opt-out through the link that is at most UNDO_DAYS old. Returns False if there is none."""
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
    """Returns the present opt-outs, oldest first, of one address or of all."""
    with connection.cursor(row_factory=class_row(OptOut)) as cursor:
        return cursor.execute(_SQL["list_opt_outs"], {"church_id": church_id, "address": address}).fetchall()


def history(connection: Connection[Any], *, church_id: UUID, address: str | None = None) -> list[ConsentEvent]:
    """Returns every change, oldest first, of one address or of all."""
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
