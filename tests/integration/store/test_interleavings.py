"""Random orders of claims, results, callbacks, look-ups and people's decisions: every message arrives exactly once.

All messages have the same content and the same recipient, so that only the database can tell them apart.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from messaging.reconciliation import CarrierIdOwner, Found, Missing, ReconciliationPolicy, conclude
from messaging.states import Status
from messaging.submissions import CarrierRecord, Envelope, LookupResult
from store import message_lifecycle, reconciliation
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from tests.integration.store.ledger import Ledger, numbers

MESSAGES = 3
STEPS = 60
RETRY_PAUSES = {"30003": 1.0}
FATES = [(Status.DELIVERED, None)] * 3 + [(Status.UNDELIVERED, "30003"), (Status.UNDELIVERED, "30006")]


@dataclass(frozen=True)
class Callback:
    carrier_id: str
    delivery_id: UUID
    attempt: int
    status: Status
    error_code: str | None


@dataclass
class World:
    """The database, and a carrier whose responses and callbacks may arrive at any time."""

    ledger: Ledger
    church_id: UUID
    chance: random.Random
    texts: dict[str, Status] = field(default_factory=dict[str, Status])
    """The final status of each text at the carrier, by its id."""
    callbacks: list[Callback] = field(default_factory=list[Callback])
    """Callbacks that have not arrived yet."""
    answers: list[DeliveryUpdate] = field(default_factory=list[DeliveryUpdate])
    """Results that a suspended worker has not recorded yet."""
    resolved: int = 0
    """Deliveries in doubt that a person sent again."""

    def claim_batch(self, *, accepted: bool = False) -> None:
        self.ledger.query("UPDATE deliveries SET due_at = now() WHERE status = 'queued' AND due_at < 'infinity'")
        for envelope in self.ledger.claim(self.church_id, limit=2).envelopes:
            self.submit(envelope, self.chance.randrange(6) if not accepted else 0)

    def submit(self, envelope: Envelope, luck: int) -> None:
        assert not self.ledger.query(
            "SELECT FROM receipts WHERE delivery_id = %(id)s AND (status = 'delivered' OR applied_at IS NULL)",
            id=envelope.delivery_id,
        ), "submitted although a receipt shows, or may show, that it arrived"
        recorded = DeliveryUpdate(delivery_id=envelope.delivery_id, attempt=envelope.attempt, status=Status.UNKNOWN)
        match luck:
            case 0 | 1 | 2:
                accepted = DeliveryUpdate(
                    delivery_id=envelope.delivery_id,
                    attempt=envelope.attempt,
                    status=Status.SENT,
                    carrier_id=self.accept(envelope),
                )
                if luck == 0:
                    recorded = accepted
                elif luck == 1:  # the worker is suspended until its lease expires
                    self.answers.append(accepted)
            case 3:  # the request was lost
                pass
            case 4:  # returned unsubmitted, or refused for now
                recorded = DeliveryUpdate(
                    delivery_id=envelope.delivery_id, attempt=envelope.attempt, status=Status.QUEUED
                )
            case _:  # the worker died before it recorded the result
                self.accept(envelope)
                self.ledger.query("UPDATE deliveries SET lease_until = now() WHERE status = 'sending'")
                self.ledger.expire_leases()
                return
        self.ledger.record([recorded])

    def accept(self, envelope: Envelope) -> str:
        carrier_id = f"SM{len(self.texts):032}"
        fate, code = self.chance.choice(FATES)
        self.texts[carrier_id] = fate
        for status, error_code in ((Status.SENT, None), (fate, code)):
            self.callbacks.append(Callback(carrier_id, envelope.delivery_id, envelope.attempt, status, error_code))
        return carrier_id

    def call_back(self) -> None:
        """Delivers one of the callbacks, in any order, and keeps some to deliver them again."""
        if self.callbacks:
            callback = self.callbacks.pop(self.chance.randrange(len(self.callbacks)))
            if self.chance.random() < 0.2:
                self.callbacks.append(callback)
            self.ledger.receive(
                callback.delivery_id,
                callback.status,
                attempt=callback.attempt,
                carrier_id=callback.carrier_id,
                error_code=callback.error_code,
            )

    def apply(self) -> None:
        self.ledger.apply(limit=self.chance.choice([1, 2, 1000]), retryable_codes=RETRY_PAUSES)

    def answer_late(self) -> None:
        if self.answers:
            self.ledger.record([self.answers.pop()])

    def reconcile(self) -> None:
        """Reconciles as the job does, as if the minutes between look-ups had passed."""
        self.ledger.query(
            "UPDATE deliveries SET due_at = now(), missed_reads = 9, updated_at = now() - interval '1 hour' "
            "WHERE status = 'unknown'"
        )
        records = tuple(CarrierRecord(carrier_id=text, same_content=True) for text in reversed(self.texts))
        with system_scope(self.ledger.database) as connection:
            in_doubt = reconciliation.claim_in_doubt(connection, channel="sms", limit=10, hold_seconds=60.0)
            ids = [delivery.delivery_id for delivery in in_doubt]
            owners = reconciliation.find_carrier_id_owners(connection, ids, seen=list(self.texts))
            identical_in_flight = reconciliation.find_identical_in_flight(connection, ids)
            missing: list[tuple[UUID, int]] = []
            for delivery in in_doubt:
                lookup = LookupResult(delivery_id=delivery.delivery_id, attempt=delivery.attempt, records=records)
                match conclude(lookup, owners=owners, identical_in_flight=identical_in_flight):
                    case Found(carrier_id=text):
                        reconciliation.record_found(connection, [(delivery.delivery_id, delivery.attempt, text)])
                        owners.setdefault(text, []).append(
                            CarrierIdOwner(
                                carrier_id=text,
                                delivery_id=delivery.delivery_id,
                                attempt=delivery.attempt,
                                failed=False,
                            )
                        )
                    case Missing():
                        missing.append((delivery.delivery_id, delivery.attempt))
                    case _:
                        pass
            reconciliation.record_missing(connection, missing, policy=ReconciliationPolicy(), pause_seconds=0.0)

    def retry_failed(self) -> None:
        for message_id in self.message_ids():
            with system_scope(self.ledger.database) as connection:
                message_lifecycle.retry_failed(
                    connection, church_id=self.church_id, message_id=message_id, reasons=None, error_codes=None
                )

    def resolve(self) -> None:
        for message_id in self.message_ids():
            with system_scope(self.ledger.database) as connection:
                self.resolved += reconciliation.resolve_all(
                    connection, church_id=self.church_id, message_id=message_id, status="queued"
                ).deliveries
                message_lifecycle.reopen(connection, church_id=self.church_id, message_id=message_id)

    def message_ids(self) -> list[UUID]:
        return [row[0] for row in self.ledger.query("SELECT message_id FROM messages ORDER BY message_id")]

    def drain(self) -> None:
        """Delivers all results and callbacks, and sends what is left."""
        for _ in range(200):
            while self.answers:
                self.answer_late()
            while self.callbacks:
                self.call_back()
            self.ledger.apply(retryable_codes=RETRY_PAUSES)
            self.ledger.complete(self.church_id)
            self.reconcile()
            self.fetch()
            if self.left() == 0 and not self.callbacks:
                return
            self.claim_batch(accepted=True)
        raise AssertionError(self.ledger.query("SELECT * FROM deliveries"))

    def fetch(self) -> None:
        """Fetches the status of texts without a final receipt."""
        for delivery_id, attempt, text in self.ledger.query(
            "SELECT delivery_id, attempts, carrier_id FROM deliveries WHERE status = 'sent'"
        ):
            self.ledger.receive(delivery_id, self.texts[text], attempt=attempt, carrier_id=text)
        self.ledger.apply(retryable_codes=RETRY_PAUSES)

    def left(self) -> int:
        [(left,)] = self.ledger.query(
            "SELECT count(*) FROM deliveries WHERE status IN ('queued', 'sending', 'unknown', 'sent')"
        )
        return left


@pytest.mark.parametrize("a_person_sends_again", [False, True])
@pytest.mark.parametrize(
    "seed", [*range(5), *[pytest.param(seed, marks=pytest.mark.extended) for seed in range(5, 20)]]
)
def test_every_delivery_arrives_once_in_any_order_of_events(
    ledger: Ledger, seed: int, a_person_sends_again: bool
) -> None:
    world = World(ledger, ledger.church(), random.Random(seed))  # noqa: S311 - reproducible, not secret
    for _ in range(MESSAGES):
        ledger.send(world.church_id, numbers(1))
    steps = [world.claim_batch, world.call_back, world.call_back, world.apply, world.answer_late]
    steps += [world.reconcile, world.retry_failed]
    if a_person_sends_again:
        steps.append(world.resolve)

    for _ in range(STEPS):
        world.chance.choice(steps)()
    world.drain()

    arrived = [text for text, fate in world.texts.items() if fate is Status.DELIVERED]
    [(delivered,)] = ledger.query("SELECT count(*) FROM deliveries WHERE status = 'delivered'")
    assert 0 <= len(arrived) - delivered <= world.resolved, (
        "as many arrived as are delivered, except for those that a person sent again"
    )
    proven = ledger.query(
        "SELECT deliveries.delivery_id FROM deliveries JOIN receipts USING (delivery_id) "
        "WHERE deliveries.status = 'delivered' AND receipts.status = 'delivered'"
    )
    assert len(set(proven)) == delivered, "every delivery was confirmed by its own receipt"
    assert [sum(ledger.query(ALL, id=message_id)[0]) for message_id in world.message_ids()] == [1] * MESSAGES


ALL = "SELECT count(*) FROM deliveries WHERE message_id = %(id)s"
