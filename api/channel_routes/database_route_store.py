"""Implements channels.incoming.RouteStore: what the handlers of the channels read and store, in the database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

import logs
from api.services import Services
from channels.incoming import CarrierReceipt, LinkRecipient
from store import opt_outs, receipts
from store.database import system_scope
from store.opt_outs import Recipient
from store.receipts import Receipt

_log = logs.get_logger(__name__)


class DatabaseRouteStore:
    """The RouteStore of one app. Its methods are described in channels.incoming."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def store_receipt(self, receipt: CarrierReceipt, *, delivery_id: UUID, attempt: int) -> None:
        with system_scope(self._services.database) as connection:
            receipts.insert(connection, [receipt_row(receipt, delivery_id, attempt)])
        self._services.job_queue.enqueue_receipts()

    def store_bounce(self, receipt: CarrierReceipt, *, delivery_id: UUID, attempt: int, suppress_address: bool) -> None:
        with system_scope(self._services.database) as connection:
            receipts.insert(connection, [receipt_row(receipt, delivery_id, attempt)])
            recipient = opt_outs.recipient_of(connection, delivery_id) if suppress_address else None
            if recipient is not None:
                opt_outs.opt_out(
                    connection,
                    church_id=recipient.church_id,
                    address=recipient.address,
                    source=opt_outs.BOUNCE,
                    channel="mail",
                )
        self._services.job_queue.enqueue_receipts()

    def find_recipient(self, link: LinkRecipient) -> Recipient | None:
        with system_scope(self._services.database) as connection:
            return _recipient_of(connection, link)

    def opt_out(self, link: LinkRecipient) -> None:
        with system_scope(self._services.database) as connection:
            recipient = _recipient_of(connection, link)
            if recipient is None:
                return
            opt_outs.opt_out(
                connection,
                church_id=recipient.church_id,
                address=recipient.address,
                source=opt_outs.UNSUBSCRIBE_LINK,
                channel="mail",
            )
        _log.info("recipient opted out with the unsubscribe link", church_id=str(recipient.church_id))

    def undo_opt_out(self, link: LinkRecipient, *, evidence: str) -> bool:
        with system_scope(self._services.database) as connection:
            recipient = _recipient_of(connection, link)
            if recipient is None:
                return False
            undone = opt_outs.undo_unsubscribing(
                connection, church_id=recipient.church_id, address=recipient.address, evidence=evidence
            )
        if undone:
            _log.info("recipient undid an opt-out with the unsubscribe link", church_id=str(recipient.church_id))
        return undone

    def count_refused(self, channel: str) -> None:
        """Count a forged request for the figures that operators watch."""
        with system_scope(self._services.database) as connection:
            receipts.count_refused(connection, channel=channel)


def _recipient_of(connection: Connection[Any], link: LinkRecipient) -> Recipient | None:
    return opt_outs.recipient_of(connection, link.delivery_id, church_id=link.church_id, address=link.address)


def receipt_row(receipt: CarrierReceipt, delivery_id: UUID, attempt: int) -> Receipt:
    """Return the receipt as it is stored."""
    return Receipt(
        delivery_id=delivery_id,
        attempt=attempt,
        carrier_id=receipt.carrier_id,
        status=receipt.status,
        error_code=receipt.error_code,
    )
