"""Creates senders for mail and mms."""

from __future__ import annotations

from uuid import UUID

from store import senders
from store.database import Database, system_scope


def set_mail_sender(database: Database, church_id: UUID, *, address: str = "office@grace.example.org") -> None:
    with system_scope(database) as connection:
        senders.save(
            connection,
            church_id=church_id,
            channel="mail",
            address=address,
            messaging_service_sid=None,
            segments_per_second=None,
            details={"name": "Grace"},
        )


def set_picture_sender(database: Database, church_id: UUID, *, address: str = "+15005550006") -> None:
    with system_scope(database) as connection:
        senders.save(
            connection,
            church_id=church_id,
            channel="mms",
            address=address,
            messaging_service_sid=None,
            segments_per_second=None,
        )
