"""Claims: due deliveries for a worker to submit, within the pace of their senders. Commit before submitting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.submissions import Envelope, Sender
from store import sql

_SQL = sql.load("claims")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimTerms:
    """What holds for every delivery of a claim."""

    channel: str
    limit: int
    """The most deliveries: of one church, or about as many of many paced churches together."""
    lease_seconds: float
    """How long the claim holds."""
    keeps_quiet_hours: bool
    """Whether to postpone deliveries whose texting hours are over, or end before the lease."""
    age_limit_seconds: float
    """Older deliveries fail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The result of a claim: `taken` deliveries were due and handled, of which `envelopes` are to be submitted."""

    taken: int
    envelopes: list[Envelope]
    request_ids: frozenset[str]
    has_pace: bool
    """Whether the senders have a pace."""
    is_full: bool
    """Whether the limit was reached, so that more may be due now."""
    found_senders: bool = True
    """Whether any sender might send. Without, another worker is claiming for those that may."""
    finished_churches: Sequence[UUID] = ()
    """In a claim for paced churches: those of which nothing more is due."""
    leftover_churches: Sequence[UUID] = ()
    """In a claim for paced churches: those with both tokens and due deliveries left. Claim for each by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _ClaimedRow:
    church_id: UUID
    delivery_id: UUID
    attempt: int
    address: str
    content: str
    details: dict[str, Any]
    request_id: str
    tries: int
    age_seconds: float
    sender_address: str | None
    messaging_service_sid: str | None
    sender_details: dict[str, Any]
    to_submit: bool
    has_leftover: bool | None

    def envelope(self) -> Envelope:
        return Envelope(
            church_id=self.church_id,
            delivery_id=self.delivery_id,
            attempt=self.attempt,
            address=self.address,
            content=self.content,
            sender=Sender(
                address=self.sender_address,
                messaging_service_sid=self.messaging_service_sid,
                details=self.sender_details,
            ),
            details=self.details,
            tries=self.tries,
            age_seconds=self.age_seconds,
        )


def claim_for_church(connection: Connection[Any], church_id: UUID, terms: ClaimTerms) -> Claim:
    """Claim the church's next due deliveries, oldest first. A paused sender has no claim.

    Deliveries with an unapplied receipt are skipped.
    """
    row = connection.execute(_SQL["lock_sender"], {"church_id": church_id, "channel": terms.channel}).fetchone()
    rows = _claim(connection, [church_id], terms, looks_ahead=True) if row else []
    return _result(rows, has_pace=bool(row and row[0]), is_full=len(rows) >= terms.limit)


def claim_for_paced_churches(connection: Connection[Any], terms: ClaimTerms) -> Claim:
    """Claim what each paced sender of the channel may send now, about `terms.limit` deliveries in all.

    Each church's deliveries are claimed as by `claim_for_church`. Churches that another worker is claiming for are
    skipped.
    """
    church_ids = lock_ready_senders(connection, terms)
    if not church_ids:
        return replace(_result([], has_pace=True, is_full=False), found_senders=False)
    rows = _claim(connection, church_ids, terms, looks_ahead=False)
    names = {"church_ids": church_ids, "channel": terms.channel}
    return replace(
        _result(rows, has_pace=True, is_full=max(len(rows), len(church_ids)) >= terms.limit),
        finished_churches=[row[0] for row in connection.execute(_SQL["churches_with_nothing_due"], names)],
        leftover_churches=sorted({row.church_id for row in rows if row.has_leftover}),
    )


def lock_ready_senders(connection: Connection[Any], terms: ClaimTerms) -> list[UUID]:
    """Returns the churches whose paced senders may send now, as many as `terms.limit` is enough for."""
    names = {"channel": terms.channel, "row_limit": terms.limit}
    return [row[0] for row in connection.execute(_SQL["lock_ready_senders"], names)]


def _claim(
    connection: Connection[Any], church_ids: Sequence[UUID], terms: ClaimTerms, *, looks_ahead: bool
) -> list[_ClaimedRow]:
    with connection.cursor(row_factory=class_row(_ClaimedRow)) as cursor:
        return cursor.execute(
            _SQL["claim"],
            {
                "church_ids": list(church_ids),
                "channel": terms.channel,
                "row_limit": terms.limit,
                "looks_ahead": looks_ahead,
                "lease_seconds": terms.lease_seconds,
                "keeps_quiet_hours": terms.keeps_quiet_hours,
                "age_limit_seconds": terms.age_limit_seconds,
            },
            # A prepared plan is made for a few churches: for hundreds of paced ones it takes three times as long as
            # planning anew.
            prepare=None if looks_ahead else False,
        ).fetchall()


def _result(rows: Sequence[_ClaimedRow], *, has_pace: bool, is_full: bool) -> Claim:
    submitted = [row for row in rows if row.to_submit]
    return Claim(
        taken=len(rows),
        envelopes=[row.envelope() for row in submitted],
        request_ids=frozenset(row.request_id for row in submitted),
        has_pace=has_pace,
        is_full=is_full,
    )


def due_churches(connection: Connection[Any], *, limit: int) -> list[tuple[UUID, str]]:
    """Returns (church id, channel) of senders without a pace that may send due deliveries now, the longest due first.

    Also of senders that are paused by a refusal that no job has reported yet: their next job reports it.
    """
    return connection.execute(_SQL["due_churches"], {"row_limit": limit}).fetchall()
