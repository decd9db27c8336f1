"""Who wants nothing more: consent, by church and address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("opt_outs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """To whom a delivery went, and from which church."""

    church_id: UUID
    church_name: str
    address: str
    opted_out: bool


def recipient_of(connection: Connection[Any], delivery_id: UUID) -> Recipient | None:
    """The delivery's recipient; None when there is no such delivery."""
    with connection.cursor(row_factory=class_row(Recipient)) as cursor:
        return cursor.execute(_SQL["recipient_of"], {"delivery_id": delivery_id}).fetchone()


def opt_out(connection: Connection[Any], *, church_id: UUID, address: str, source: str) -> None:
    """Never again send anything of the church there. Whoever did so before stays as they are."""
    connection.execute(_SQL["opt_out"], {"church_id": church_id, "address": address, "source": source})
