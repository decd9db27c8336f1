"""The transitions that the SQL makes are exactly those that messaging/states.py lists.

A trigger records each change of a status and its statement, while every statement that sets a status runs on deliveries
in every status. A new statement that does not run here fails the test.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from messaging.addresses import AddressKind
from messaging.reconciliation import ReconciliationPolicy
from messaging.retry import RetryPolicy, next_step
from messaging.states import RECEIPT_STATUSES, TRANSITIONS, Status
from messaging.submissions import ResultKind, SubmissionResult
from store import message_expansion, message_lifecycle, people, reconciliation
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from store.messages import Message
from tests.harness.named_queries import QUERIES
from tests.integration.store.ledger import Ledger, numbers

Changes = dict[str, set[tuple[Status, Status]]]
"""The transitions of each named query."""

RETRYABLE = "30008"
TOO_LATE_SECONDS = -60.0
"""An age limit that every delivery exceeds."""
SETS_STATUS = re.compile(r"\bUPDATE deliveries\b.*?(\bSET|,)\s*(--[^\n]*\s*)*status\s*=", re.DOTALL)
TRIGGER = """
CREATE TABLE status_changes (statement text NOT NULL, old_status text NOT NULL, new_status text NOT NULL);
CREATE FUNCTION record_status_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO status_changes VALUES (current_query(), OLD.status, NEW.status);
    RETURN NULL;
END
$$;
CREATE TRIGGER record_status_change AFTER UPDATE ON deliveries
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION record_status_change();
"""
NO_TRIGGER = """
DROP TRIGGER record_status_change ON deliveries;
DROP FUNCTION record_status_change;
DROP TABLE status_changes;
"""


@pytest.fixture
def recorded(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger whose changes of statuses are recorded."""
    ledger.query(TRIGGER)
    yield ledger
    ledger.query(NO_TRIGGER)


@dataclass(frozen=True)
class Sample:
    """A message with one submitted delivery in each status."""

    church_id: UUID
    message: Message
    by_status: dict[Status, UUID]

    @property
    def delivery_ids(self) -> list[UUID]:
        return list(self.by_status.values())


def sample(ledger: Ledger) -> Sample:
    church_id = ledger.church()
    message = ledger.send(church_id, numbers(len(Status)))
    found = ledger.query("SELECT delivery_id FROM deliveries WHERE message_id = %(id)s", id=message.message_id)
    by_status = dict(zip(Status, [delivery_id for (delivery_id,) in found], strict=True))
    for status, delivery_id in by_status.items():
        ledger.set_status(delivery_id, status)
    ledger.query(
        "UPDATE deliveries SET attempts = 1, carrier_id = CASE WHEN status >= 'sent' THEN 'SM' || delivery_id END "
        "WHERE message_id = %(id)s",
        id=message.message_id,
    )
    return Sample(church_id=church_id, message=message, by_status=by_status)


def claim(ledger: Ledger) -> None:
    for age_limit_seconds in (3600.0, TOO_LATE_SECONDS):
        ledger.claim(sample(ledger).church_id, age_limit_seconds=age_limit_seconds)
    opted_out = sample(ledger)
    for address in numbers(len(Status)):
        ledger.opt_out(opted_out.church_id, address)
    ledger.claim(opted_out.church_id)
    canceled = sample(ledger)
    ledger.query("UPDATE messages SET canceled_at = now() WHERE message_id = %(id)s", id=canceled.message.message_id)
    ledger.claim(canceled.church_id)


def record_results(ledger: Ledger) -> None:
    """Records every kind of result."""
    for kind in ResultKind:
        for tries, age_seconds in ((0, 0.0), (99, 1e9)):
            result = SubmissionResult(delivery_id=UUID(int=0), attempt=1, kind=kind)
            step = next_step(result, tries=tries, age_seconds=age_seconds, policy=RetryPolicy())
            ledger.record(
                [
                    DeliveryUpdate(
                        delivery_id=delivery_id,
                        attempt=1,
                        status=step.status,
                        carrier_id=f"SMX{delivery_id}" if step.status is Status.SENT else None,
                    )
                    for delivery_id in sample(ledger).delivery_ids
                ]
            )


def expire_leases(ledger: Ledger) -> None:
    sample(ledger)
    ledger.query("UPDATE deliveries SET lease_until = now() - interval '1 s' WHERE status = 'sending'")
    ledger.expire_leases()


def apply_receipts(ledger: Ledger) -> None:
    """Receipts of the present attempt and of an earlier one, with and without a retryable code."""
    for status in RECEIPT_STATUSES:
        for error_code in (None, RETRYABLE):
            for is_earlier in (False, True):
                target = sample(ledger)
                if is_earlier:
                    ledger.query("UPDATE deliveries SET attempts = 2 WHERE church_id = %(id)s", id=target.church_id)
                for delivery_id in target.delivery_ids:
                    ledger.receive(delivery_id, status, error_code=error_code)
                ledger.apply(retryable_codes={RETRYABLE: 1.0})


def change_by_a_person(ledger: Ledger) -> None:
    canceled, retried = sample(ledger), sample(ledger)
    with system_scope(ledger.database) as connection:
        message_lifecycle.cancel(connection, church_id=canceled.church_id, message_id=canceled.message.message_id)
        message_lifecycle.retry_failed(
            connection,
            church_id=retried.church_id,
            message_id=retried.message.message_id,
            reasons=None,
            error_codes=None,
        )
    for resolution in ("sent", "failed", "queued"):
        resolved = sample(ledger)
        with system_scope(ledger.database) as connection:
            reconciliation.resolve_all(
                connection, church_id=resolved.church_id, message_id=resolved.message.message_id, status=resolution
            )


def reconcile(ledger: Ledger) -> None:
    found, held = sample(ledger), sample(ledger)
    with system_scope(ledger.database) as connection:
        reconciliation.record_found(connection, [(each, 1, f"SMF{each}") for each in found.delivery_ids])
    for age_limit_seconds in (3600.0, TOO_LATE_SECONDS):
        policy = ReconciliationPolicy(reads=1, period_seconds=0.0, age_limit_seconds=age_limit_seconds)
        missing = [(each, 1) for each in sample(ledger).delivery_ids]
        with system_scope(ledger.database) as connection:
            reconciliation.record_missing(connection, missing, policy=policy, pause_seconds=0.0)
    ledger.query("UPDATE deliveries SET carrier_id = 'SM' || delivery_id WHERE church_id = %(id)s", id=held.church_id)
    with system_scope(ledger.database) as connection:
        reconciliation.put_holders_in_doubt(connection, [f"SM{each}" for each in held.delivery_ids])


def expand_beyond_the_daily_limit(ledger: Ledger) -> None:
    church_id = ledger.church()
    message = ledger.compose(church_id, {"phoneNumbers": numbers(2)})
    with system_scope(ledger.database) as connection:
        message_expansion.expand(
            connection,
            message_ids=[message.message_id],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=False,
            segment_weight=1,
            default_limit=1,
        )


def erase_people(ledger: Ledger) -> None:
    """Every recipient of a message, whatever the status of the delivery."""
    target = sample(ledger)
    addresses = ledger.query("SELECT address FROM deliveries WHERE church_id = %(id)s", id=target.church_id)
    with system_scope(ledger.database) as connection:
        people.erase_deliveries(
            connection,
            church_id=target.church_id,
            message_ids=[target.message.message_id],
            addresses=[address for (address,) in addresses],
        )


def changes_of_all_queries(ledger: Ledger) -> Changes:
    """Runs everything that can change a status, and returns the transitions of each named query."""
    claim(ledger)
    record_results(ledger)
    expire_leases(ledger)
    apply_receipts(ledger)
    change_by_a_person(ledger)
    reconcile(ledger)
    expand_beyond_the_daily_limit(ledger)
    erase_people(ledger)
    names = {as_sent(query): name for name, query in QUERIES.items()}
    found: Changes = defaultdict(set)
    for statement, old, new in ledger.query("SELECT DISTINCT statement, old_status, new_status FROM status_changes"):
        if statement in names:  # statements of the tests are ignored
            found[names[statement]].add((Status(old), Status(new)))
    return found


def as_sent(query: str) -> str:
    """Returns the query as the server receives it, with numbered parameters."""
    places: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in places:
            places.append(found[1])
        return f"${places.index(found[1]) + 1}"

    return re.sub(r"%\((\w+)\)s", number, query)


@pytest.mark.timeout(60)
def test_the_listed_transitions_are_exactly_those_of_the_queries(recorded: Ledger) -> None:
    changes = changes_of_all_queries(recorded)

    assert set(changes) == {name for name, query in QUERIES.items() if SETS_STATUS.search(query)}
    made = {change for of_query in changes.values() for change in of_query}
    listed = {(old, new) for old, targets in TRANSITIONS.items() for new in targets}
    assert sorted(made - listed) == [], "transitions that messaging/states.py does not list"
    assert sorted(listed - made) == [], "transitions that no query makes"
