"""Whatever happens to deliveries, the totals of a message end equal to a fresh count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.reconciliation import ReconciliationPolicy
from messaging.states import RECEIPT_STATUSES, Status
from store import message_lifecycle, reconciliation
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from store.messages import Message
from store.reconciliation import Resolution
from tests.integration.store.counted_messages import (
    count_finally,
    fresh_count,
    is_final,
    let_time_pass,
    roll_up,
    settle,
    totals,
)
from tests.integration.store.ledger import Ledger, numbers, sent

RETRYABLE = {"30022": 1.0}
RESOLUTIONS: tuple[Resolution, ...] = ("sent", "failed", "queued")
CODES = st.sampled_from([None, "30003", "30022"])


@dataclass(frozen=True)
class Sent:
    ledger: Ledger
    church_id: UUID
    message: Message

    def ids(self) -> list[UUID]:
        rows = self.ledger.query(
            "SELECT delivery_id FROM deliveries WHERE message_id = %(id)s ORDER BY delivery_id",
            id=self.message.message_id,
        )
        return [delivery_id for (delivery_id,) in rows]


def submit(sent_message: Sent, draw: st.DataObject) -> None:
    sent_message.ledger.query("UPDATE deliveries SET due_at = now() WHERE status = 'queued' AND due_at < 'infinity'")
    claim = sent_message.ledger.claim(sent_message.church_id, limit=draw.draw(st.integers(1, 4)))
    outcome = draw.draw(st.sampled_from(["sent", "failed", "queued", "silence"]))
    if outcome == "sent":
        sent_message.ledger.record(sent(claim))
    elif outcome != "silence":
        sent_message.ledger.record(
            [
                DeliveryUpdate(
                    delivery_id=each.delivery_id,
                    attempt=each.attempt,
                    status=Status(outcome),
                    error_code=draw.draw(CODES),
                    delay_seconds=0.0,
                )
                for each in claim.envelopes
            ]
        )


def receive(sent_message: Sent, draw: st.DataObject) -> None:
    delivery_id = draw.draw(st.sampled_from(sent_message.ids()))
    sent_message.ledger.receive(
        delivery_id,
        draw.draw(st.sampled_from(RECEIPT_STATUSES)),
        attempt=draw.draw(st.integers(1, 2)),
        carrier_id=f"SM{delivery_id.hex}" if draw.draw(st.booleans()) else "",
        error_code=draw.draw(CODES),
    )
    sent_message.ledger.apply(retryable_codes=RETRYABLE)


def expire(sent_message: Sent, draw: st.DataObject) -> None:
    sent_message.ledger.query("UPDATE deliveries SET lease_until = now() - interval '1 s' WHERE status = 'sending'")
    sent_message.ledger.expire_leases()


def reconcile(sent_message: Sent, draw: st.DataObject) -> None:
    ledger = sent_message.ledger
    ledger.query("UPDATE deliveries SET due_at = now() WHERE status = 'unknown'")
    policy = ReconciliationPolicy(
        reads=1, period_seconds=0.0, age_limit_seconds=draw.draw(st.sampled_from([-60, 3600]))
    )
    rows = ledger.query("SELECT delivery_id, attempts FROM deliveries WHERE status = 'unknown'")
    with system_scope(ledger.database) as connection:
        reconciliation.record_missing(connection, rows, policy=policy, pause_seconds=0.0)


def resolve(sent_message: Sent, draw: st.DataObject) -> None:
    church_id, message_id = sent_message.church_id, sent_message.message.message_id
    status = draw.draw(st.sampled_from(RESOLUTIONS))
    with system_scope(sent_message.ledger.database) as connection:
        message_lifecycle.lock(connection, church_id=church_id, message_id=message_id)
        resolved = reconciliation.resolve_all(connection, church_id=church_id, message_id=message_id, status=status)
        if resolved.deliveries and status == "queued":
            message_lifecycle.reopen(connection, church_id=church_id, message_id=message_id)


def retry(sent_message: Sent, draw: st.DataObject) -> None:
    names = {"church_id": sent_message.church_id, "message_id": sent_message.message.message_id}
    with system_scope(sent_message.ledger.database) as connection:
        message_lifecycle.lock(connection, **names)
        message_lifecycle.retry_failed(connection, **names, reasons=None, error_codes=None)


def cancel(sent_message: Sent, draw: st.DataObject) -> None:
    names = {"church_id": sent_message.church_id, "message_id": sent_message.message.message_id}
    with system_scope(sent_message.ledger.database) as connection:
        message_lifecycle.lock(connection, **names)
        message_lifecycle.cancel(connection, **names)


def doubt(sent_message: Sent, draw: st.DataObject) -> None:
    carrier_id = f"SM{draw.draw(st.sampled_from(sent_message.ids())).hex}"
    with system_scope(sent_message.ledger.database) as connection:
        reconciliation.put_holders_in_doubt(connection, [carrier_id])


def opt_out(sent_message: Sent, draw: st.DataObject) -> None:
    address = draw.draw(st.sampled_from(numbers(4)))
    sent_message.ledger.query(
        "INSERT INTO opt_outs (church_id, address, source) VALUES (%(church_id)s, %(address)s, 'test') "
        "ON CONFLICT DO NOTHING",
        church_id=sent_message.church_id,
        address=address,
    )


def count(sent_message: Sent, draw: st.DataObject) -> None:
    roll_up(sent_message.ledger)


CHANGES: Mapping[str, Callable[[Sent, st.DataObject], None]] = {
    "submit": submit,
    "receive": receive,
    "expire": expire,
    "reconcile": reconcile,
    "resolve": resolve,
    "retry": retry,
    "cancel": cancel,
    "doubt": doubt,
    "opt out": opt_out,
    "count": count,
    "settle": lambda sent_message, draw: settle(sent_message.ledger),
    "count finally": lambda sent_message, draw: count_finally(sent_message.ledger),
    "let time pass": lambda sent_message, draw: let_time_pass(sent_message.ledger),
}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(st.sampled_from(sorted(CHANGES)), max_size=14), draw=st.data())
def test_totals_equal_a_fresh_count_whatever_happens(steps: list[str], draw: st.DataObject, ledger: Ledger) -> None:
    church_id = ledger.church()
    sent_message = Sent(ledger=ledger, church_id=church_id, message=ledger.send(church_id, numbers(4)))
    # Most of what can go wrong happens to messages that were final before.
    for step in ["submit", "count", *steps]:
        CHANGES[step](sent_message, draw)

    let_time_pass(ledger)
    while roll_up(ledger):
        pass

    message = sent_message.message
    assert totals(ledger, message) == fresh_count(ledger, message)
    assert sum(deliveries for deliveries, _ in totals(ledger, message).values()) == 4
    [(settled_at,)] = ledger.query("SELECT settled_at FROM messages WHERE message_id = %(id)s", id=message.message_id)
    assert is_final(ledger, message) == (settled_at is not None)
