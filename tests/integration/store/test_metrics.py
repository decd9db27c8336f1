"""The counters: every change of a delivery's status is counted once, in its own transaction, and is never lost."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import pytest

from messaging.states import Status
from metrics.measurements import Measured
from store import message_lifecycle, metrics, receipts
from store.database import church_scope, system_scope
from store.deliveries import DeliveryUpdate
from tests.integration.store.ledger import Ledger, numbers, sent, together

CHANGES = "koinonia_delivery_changes_total"
Changes = dict[tuple[str, str, str], int]


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


def changes(ledger: Ledger) -> Changes:
    """(from, to, reason) of the texts that changed, with how many did."""
    with system_scope(ledger.database) as connection:
        totals = metrics.totals(connection, CHANGES)
    assert {total.labels["channel"] for total in totals} <= {"sms"}
    return {
        (total.labels["from"], total.labels["to"], total.labels["reason"]): int(total.value)
        for total in totals
        if total.value
    }


def add(ledger: Ledger, *values: int, name: str = "koinonia_submissions_total", result: str = "accepted") -> None:
    labels = {"channel": "sms", "result": result}
    with system_scope(ledger.database) as connection:
        metrics.add(connection, [Measured(name=name, labels=labels, value=Decimal(value)) for value in values])


def fold(ledger: Ledger, *, limit: int = 1000) -> None:
    with system_scope(ledger.database) as connection:
        metrics.fold(connection, limit=limit)


def submissions(ledger: Ledger) -> dict[str, float]:
    with system_scope(ledger.database) as connection:
        totals = metrics.totals(connection, "koinonia_submissions_total")
    return {total.labels["result"]: total.value for total in totals}


# --- changes of deliveries --------------------------------------------------------------------------------------------


def test_every_step_of_a_text_is_counted(ledger: Ledger, church_id: UUID) -> None:
    ledger.opt_out(church_id, numbers(5)[4])
    ledger.send(church_id, numbers(5))
    claim = ledger.claim(church_id)
    ledger.record(sent(claim))
    for envelope in claim.envelopes[:3]:
        ledger.receive(envelope.delivery_id, Status.DELIVERED, carrier_id=f"SM{envelope.delivery_id.hex}")
    ledger.receive(
        claim.envelopes[3].delivery_id,
        Status.UNDELIVERED,
        carrier_id=f"SM{claim.envelopes[3].delivery_id.hex}",
        error_code="30003",
    )
    ledger.apply()

    assert changes(ledger) == {
        ("none", "queued", ""): 4,
        ("none", "suppressed", "opted out"): 1,
        ("queued", "sending", ""): 4,
        ("sending", "sent", ""): 4,
        ("sent", "delivered", ""): 3,
        ("sent", "undelivered", "30003"): 1,
    }


def test_a_repeated_receipt_is_not_counted_again(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(1))
    claim = ledger.claim(church_id)
    ledger.record(sent(claim))
    [envelope] = claim.envelopes
    carrier_id = f"SM{envelope.delivery_id.hex}"
    ledger.receive(envelope.delivery_id, Status.DELIVERED, carrier_id=carrier_id)
    ledger.apply()
    before = changes(ledger)

    ledger.receive(envelope.delivery_id, Status.DELIVERED, carrier_id=carrier_id)
    ledger.receive(envelope.delivery_id, Status.SENT, carrier_id=carrier_id)
    ledger.record(sent(claim))
    ledger.apply()

    assert changes(ledger) == before


def test_an_update_that_keeps_the_status_is_not_counted(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(2))
    before = changes(ledger)

    ledger.query("UPDATE deliveries SET due_at = 'infinity'")

    assert changes(ledger) == before


def test_what_is_rolled_back_is_not_counted(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(3))
    before = changes(ledger)

    with pytest.raises(ZeroDivisionError), church_scope(ledger.database, church_id) as connection:
        message_lifecycle.cancel(connection, church_id=church_id, message_id=message.message_id)
        raise ZeroDivisionError

    assert changes(ledger) == before


def test_a_churchs_own_transaction_is_counted_and_reads_no_counter(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(3))

    with church_scope(ledger.database, church_id) as connection:
        message_lifecycle.cancel(connection, church_id=church_id, message_id=message.message_id)
        assert metrics.totals(connection, CHANGES) == []

    assert changes(ledger)["queued", "canceled", ""] == 3


def test_deleted_deliveries_are_counted(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(3))
    ledger.record(sent(ledger.claim(church_id, limit=2)))

    ledger.query("DELETE FROM deliveries")

    assert changes(ledger)["sent", "none", ""] == 2
    assert changes(ledger)["queued", "none", ""] == 1


REASONS = (
    (Status.FAILED, "21211", "not a valid phone number", "21211"),
    (Status.FAILED, "5.1.1", "the mailbox does not exist", "5.1.1"),
    (Status.FAILED, "550", "the mail server refuses the recipient (550)", "550"),
    (Status.FAILED, None, "too late to be sent", "too late to be sent"),
    (Status.UNKNOWN, None, "no response from the carrier (timeout)", "no response from the carrier"),
    (Status.UNKNOWN, None, "the carrier failed (HTTP 503)", "the carrier failed"),
    (Status.UNKNOWN, None, "the worker went silent", "the worker went silent"),
    (Status.QUEUED, "20429", "too many requests", "20429"),
    # of any number, chosen by whoever answers
    (Status.FAILED, None, "the mail server says +12025550123 is gone", "other"),
    (Status.FAILED, "5.901.442", "the mail server refuses the recipient (5.901.442)", "other"),
    (Status.FAILED, "21211; drop", "refused", "other"),
)


@pytest.mark.parametrize(("status", "error_code", "reason", "label"), REASONS)
def test_the_reason_is_a_code_or_one_of_a_closed_list(
    ledger: Ledger, church_id: UUID, status: Status, error_code: str | None, reason: str, label: str
) -> None:
    ledger.send(church_id, numbers(1))
    [envelope] = ledger.claim(church_id).envelopes

    ledger.record(
        [
            DeliveryUpdate(
                delivery_id=envelope.delivery_id, attempt=1, status=status, error_code=error_code, reason=reason
            )
        ]
    )

    assert changes(ledger)["sending", status.value, label] == 1


# --- adding up --------------------------------------------------------------------------------------------------------


def test_adding_up_changes_no_total(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(3))
    before = changes(ledger)
    add(ledger, 2, 3)

    fold(ledger)
    add(ledger, 4)
    fold(ledger, limit=1)

    assert changes(ledger) == before
    assert submissions(ledger) == {"accepted": 9.0}
    assert ledger.query("SELECT count(*) FROM metric_changes") == [(0,)]


def test_processes_that_add_up_at_the_same_time_count_each_change_once(ledger: Ledger) -> None:
    add(ledger, *[1] * 500)
    add(ledger, *[1] * 500, result="permanent")

    def work(number: int) -> Sequence[None]:
        return [(fold(ledger, limit=100), add(ledger, 1))[0] for _ in range(20)]

    together(4, work)
    fold(ledger)

    assert submissions(ledger) == {"accepted": 580.0, "permanent": 500.0}


def test_sums_of_times_are_exact(ledger: Ledger) -> None:
    """A sum that decreased by a rounding error would look like a restart to Prometheus."""
    parts = [Decimal("0.1"), Decimal("0.2"), Decimal("1e15"), Decimal("0.000001")] * 50
    with system_scope(ledger.database) as connection:
        metrics.add(connection, [Measured(name="a_sum", labels={}, value=part) for part in parts])

    for limit in (7, 1, 50, 1000):
        fold(ledger, limit=limit)
        assert ledger.query(
            "SELECT sum(value) FROM (SELECT value FROM metric_totals UNION ALL SELECT value FROM metric_changes) AS t"
        ) == [(sum(parts),)]


def test_a_refused_callback_is_counted(ledger: Ledger) -> None:
    with system_scope(ledger.database) as connection:
        receipts.count_refused(connection, channel="sms")
        receipts.count_refused(connection, channel="sms")
        [total] = metrics.totals(connection, "koinonia_callbacks_refused_total")

    assert (total.labels, total.value) == ({"channel": "sms", "reason": "signature"}, 2)
    assert ledger.query("SELECT channel, refused FROM refused_callbacks") == [("sms", 2)]
