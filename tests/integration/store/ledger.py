"""One-line access to the store for tests: send a message, claim, record results, read deliveries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID, uuid4

from psycopg.errors import UniqueViolation

from messaging.addresses import AddressKind
from messaging.quiet_hours import Window
from messaging.retry import RetryPolicy
from messaging.states import Status
from store import (
    churches,
    claims,
    deliveries,
    message_expansion,
    message_lifecycle,
    messages,
    paced_senders,
    receipts,
    senders,
)
from store.claims import Claim, ClaimTerms
from store.database import Database, church_scope, system_scope
from store.deliveries import DeliveryUpdate
from store.messages import Message, NewMessage
from store.receipts import Receipt
from tests.harness.texting_hours import ANY_HOUR

T = TypeVar("T")

USUAL = RetryPolicy()
NO_RETRYABLE_CODES: Mapping[str, float] = {}
"""No failure is retryable."""


def numbers(count: int, *, first: int = 0) -> list[str]:
    """Returns consecutive valid phone numbers, from +12025550000 on."""
    return [f"+1202{5550000 + n}" for n in range(first, first + count)]


def together(count: int, function: Callable[[int], T]) -> list[T]:
    """Runs the function in `count` threads that start at once. Returns their results; raises if one of them raises."""
    start = Barrier(count)

    def run(number: int) -> T:
        start.wait()
        return function(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


@dataclass(frozen=True)
class Ledger:
    """The functions of the store, each in its own transaction that sees every church."""

    database: Database

    def query(self, statement: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        """Runs a statement that the product does not have."""
        with system_scope(self.database) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def church(
        self,
        *,
        time_zone: str = "America/New_York",
        segments_per_second: float | None = None,
        window: Window = ANY_HOUR,
    ) -> UUID:
        """Creates a church with a sender for sms, without quiet hours, because tests may run at night."""
        with system_scope(self.database) as connection:
            name = f"Church {uuid4().hex[:8]}"
            church_id = churches.create(connection, name=name, time_zone=time_zone, window=window)
        self.set_sender(church_id, segments_per_second=segments_per_second)
        return church_id

    def set_sender(self, church_id: UUID, *, segments_per_second: float | None = None) -> None:
        with system_scope(self.database) as connection:
            senders.save(
                connection,
                church_id=church_id,
                channel="sms",
                address="+15005550006",
                messaging_service_sid=None,
                segments_per_second=segments_per_second,
            )

    def opt_out(self, church_id: UUID, address: str) -> None:
        self.query(
            "INSERT INTO opt_outs (church_id, address, source) VALUES (%(church_id)s, %(address)s, 'test')",
            church_id=church_id,
            address=address,
        )

    def compose(
        self,
        church_id: UUID,
        target: Mapping[str, Sequence[str | UUID]] | None = None,
        *,
        segments: int = 1,
        send_at: datetime | None = None,
        key: str | None = None,
    ) -> Message:
        """Inserts a message that is not expanded yet; without a target, to all contacts."""
        return self.insert(church_id, target, segments=segments, send_at=send_at, key=key)[0]

    def insert(
        self,
        church_id: UUID,
        target: Mapping[str, Sequence[str | UUID]] | None = None,
        *,
        segments: int = 1,
        send_at: datetime | None = None,
        key: str | None = None,
    ) -> tuple[Message, bool]:
        kind = next(iter(target)) if target else "all"
        new = NewMessage(
            church_id=church_id,
            channel="sms",
            content="Service at ten.",
            segments=segments,
            target_type={"contactIds": "contacts", "phoneNumbers": "numbers", "groupIds": "groups"}.get(kind, "all"),
            target={name: [str(value) for value in values] for name, values in (target or {}).items()},
            idempotency_key=key,
            request_hash=b"hash",
            request_id="r-1",
            send_at=send_at,
        )
        with system_scope(self.database) as connection:
            return messages.insert(connection, new)

    def expand(self, church_id: UUID, message: Message, *, keeps_quiet_hours: bool = True) -> int:
        """Expands the message, seeing only the church's rows, and returns how many deliveries were written."""
        with church_scope(self.database, church_id) as connection:
            expansions = message_expansion.expand(
                connection,
                message_ids=[message.message_id],
                address_kind=AddressKind.PHONE,
                keeps_quiet_hours=keeps_quiet_hours,
            )
        return sum(expansion.written for expansion in expansions.values())

    def send(self, church_id: UUID, addresses: Sequence[str], *, segments: int = 1) -> Message:
        """Inserts and expands a message to these numbers: its deliveries are due."""
        message = self.compose(church_id, {"phoneNumbers": addresses}, segments=segments)
        self.expand(church_id, message)
        return message

    def claim(
        self,
        church_id: UUID,
        *,
        limit: int = 1000,
        lease_seconds: float = 60,
        keeps_quiet_hours: bool = True,
        age_limit_seconds: float = USUAL.age_limit_seconds,
    ) -> Claim:
        with system_scope(self.database) as connection:
            return claims.claim_for_church(
                connection,
                church_id,
                ClaimTerms(
                    channel="sms",
                    limit=limit,
                    lease_seconds=lease_seconds,
                    keeps_quiet_hours=keeps_quiet_hours,
                    age_limit_seconds=age_limit_seconds,
                ),
            )

    def claim_paced(self, *, limit: int = 1000) -> Claim:
        """Claims for all paced churches."""
        with system_scope(self.database) as connection:
            return claims.claim_for_paced_churches(
                connection,
                ClaimTerms(
                    channel="sms",
                    limit=limit,
                    lease_seconds=60,
                    keeps_quiet_hours=True,
                    age_limit_seconds=USUAL.age_limit_seconds,
                ),
            )

    def set_next_claims(self) -> list[str]:
        with system_scope(self.database) as connection:
            return paced_senders.set_next_claims(connection)

    def seconds_to_next_claim(self) -> float | None:
        with system_scope(self.database) as connection:
            return paced_senders.seconds_to_next_claim(connection, channel="sms")

    def record(self, results: Sequence[DeliveryUpdate]) -> int:
        """Records results as the job does: again, with `ids_conflict`, if carrier ids conflict."""
        for ids_conflict in (False, True, True):
            with suppress(UniqueViolation), system_scope(self.database) as connection:
                return deliveries.record(connection, results, ids_conflict=ids_conflict)
        raise AssertionError("carrier ids still conflict")

    def receive(
        self,
        delivery_id: UUID,
        status: Status,
        *,
        attempt: int = 1,
        carrier_id: str = "",
        error_code: str | None = None,
    ) -> bool:
        """Stores a receipt and returns whether it is new. Without a carrier id it is of a new text."""
        with system_scope(self.database) as connection:
            receipt = Receipt(
                delivery_id=delivery_id,
                attempt=attempt,
                carrier_id=carrier_id or f"SM{uuid4().hex}",
                status=status,
                error_code=error_code,
            )
            return receipts.insert(connection, [receipt]) == 1

    def apply(
        self,
        *,
        limit: int = 1000,
        policy: RetryPolicy = USUAL,
        retryable_codes: Mapping[str, float] = NO_RETRYABLE_CODES,
    ) -> int:
        """Applies receipts as the job does, and returns how many."""
        total = 0
        while True:
            with system_scope(self.database) as connection:
                batch = receipts.apply(connection, limit=limit, policy=policy, retryable_codes=retryable_codes)
            total += batch.applied
            if not batch.contested:
                return total
            with system_scope(self.database) as connection:
                receipts.resolve_contested(connection)

    def has_unapplied(self) -> bool:
        with system_scope(self.database) as connection:
            return receipts.any_unapplied(connection)

    def expire_leases(self) -> int:
        with system_scope(self.database) as connection:
            return deliveries.expire_leases(connection)

    def due_churches(self, *, limit: int = 100) -> list[tuple[UUID, str]]:
        with system_scope(self.database) as connection:
            return claims.due_churches(connection, limit=limit)

    def complete(self, church_id: UUID | None = None) -> int:
        with system_scope(self.database) as connection:
            return message_lifecycle.complete(connection, church_ids=None if church_id is None else [church_id])

    def counts(self, message: Message) -> dict[Status, int]:
        """Returns the number of deliveries by status, without zeros."""
        with system_scope(self.database) as connection:
            found = messages.counts(connection, message.message_id)
        return {status: count for status, count in found.items() if count}

    def get(self, delivery_id: UUID) -> deliveries.Delivery:
        """Returns the delivery."""
        [(church_id, message_id)] = self.query(
            "SELECT church_id, message_id FROM deliveries WHERE delivery_id = %(id)s", id=delivery_id
        )
        with system_scope(self.database) as connection:
            page = deliveries.page(
                connection, church_id=church_id, message_id=message_id, statuses=None, after=None, limit=10_000
            )
        return next(delivery for delivery in page if delivery.delivery_id == delivery_id)

    def set_status(self, delivery_id: UUID, status: Status) -> None:
        """Sets the status directly, without a transition."""
        self.query(
            "UPDATE deliveries SET status = %(status)s::delivery_status, "
            "lease_until = CASE WHEN %(status)s = 'sending' THEN now() + interval '1 minute' END "
            "WHERE delivery_id = %(id)s",
            status=status.value,
            id=delivery_id,
        )


def sent(claim: Claim) -> list[DeliveryUpdate]:
    """Returns results that say that the carrier accepted everything claimed."""
    return [
        DeliveryUpdate(
            delivery_id=envelope.delivery_id,
            attempt=envelope.attempt,
            status=Status.SENT,
            carrier_id=f"SM{envelope.delivery_id.hex}",
        )
        for envelope in claim.envelopes
    ]
