"""Creates messages with deliveries in given statuses, by claims, results and receipts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from messaging.states import Status
from store.deliveries import DeliveryUpdate
from store.messages import Message
from tests.harness.churches import KnownChurch
from tests.integration.store.ledger import Ledger, numbers

ALL_ROWS = "SELECT messages::text, deliveries::text FROM messages, deliveries ORDER BY delivery_id"
"""Every row of messages and deliveries, as text."""


def message_with(ledger: Ledger, church_id: UUID, wanted: Mapping[Status, int], *, first: int = 0) -> Message:
    """A message with the wanted number of deliveries in each status, completed if nothing is left to submit."""
    fates = [status for status, count in wanted.items() if status is not Status.QUEUED for _ in range(count)]
    message = ledger.send(church_id, numbers(sum(wanted.values()), first=first))
    claim = ledger.claim(church_id, limit=len(fates)) if fates else None
    for envelope, fate in zip(claim.envelopes if claim else (), fates, strict=True):
        if fate is Status.SENDING:
            continue
        told_later = fate in (Status.DELIVERED, Status.UNDELIVERED)
        carrier_id = f"SM{envelope.delivery_id.hex}"
        answer = DeliveryUpdate(
            delivery_id=envelope.delivery_id,
            attempt=envelope.attempt,
            status=Status.SENT if told_later else fate,
            carrier_id=None if fate is Status.UNKNOWN else carrier_id,
        )
        ledger.record([answer])
        if told_later:
            ledger.receive(envelope.delivery_id, fate, carrier_id=carrier_id)
    ledger.apply()
    ledger.complete(church_id)
    return message


def post_action(client: FlaskClient, church: KnownChurch, message: Message, action: str, **body: Any) -> TestResponse:
    """POST /api/messages/{id}/{action} with the church's key."""
    path = f"/api/messages/{message.message_id}/{action}"
    return client.post(path, json=body if action == "retry-failed" else None, headers=church.bearer)


def status_and_counts(answer: TestResponse) -> tuple[str, dict[Status, int]]:
    """The status of the returned message, and the number of its deliveries in each status that has some."""
    assert answer.status_code == 200, answer.text
    message = answer.get_json().get("message") or answer.get_json()
    counts = message["counts"]
    by_status = {status: counts[status] for status in Status if counts[status]}
    assert counts["audience"] == sum(by_status.values())
    return message["status"], by_status
