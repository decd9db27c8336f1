"""Totals of messages: they equal a fresh count, become final once, and a change makes them be counted again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from messaging.delivery_times import BUCKET_GROWTH
from messaging.states import Status
from store import message_lifecycle, message_totals, reconciliation
from store.database import system_scope
from store.messages import Message
from tests.integration.store.counted_messages import (
    count_finally,
    fresh_count,
    is_final,
    let_time_pass,
    roll_up,
    settle,
    totals,
)
from tests.integration.store.ledger import Ledger, numbers, sent, together


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


def delivered(ledger: Ledger, church_id: UUID, *, count: int = 1) -> tuple[Message, list[UUID]]:
    """A message whose texts arrived, and its deliveries."""
    message = ledger.send(church_id, numbers(count))
    claim = ledger.claim(church_id)
    ledger.record(sent(claim))
    ids = [envelope.delivery_id for envelope in claim.envelopes]
    for delivery_id in ids:
        ledger.receive(delivery_id, Status.DELIVERED, carrier_id=f"SM{delivery_id.hex}")
    ledger.apply()
    return message, ids


def accepted(ledger: Ledger, church_id: UUID, *, count: int = 1) -> tuple[Message, list[UUID]]:
    """A message that the carrier accepted and never reported about, and its deliveries."""
    message = ledger.send(church_id, numbers(count))
    claim = ledger.claim(church_id)
    ledger.record(sent(claim))
    return message, [envelope.delivery_id for envelope in claim.envelopes]


def due_in_seconds(ledger: Ledger, message: Message) -> float:
    [(seconds,)] = ledger.query(
        "SELECT extract(epoch FROM total_due_at - now())::float8 FROM messages WHERE message_id = %(id)s",
        id=message.message_id,
    )
    return seconds


# --- what is counted --------------------------------------------------------------------------------------------------


def test_deliveries_and_segments_are_counted_by_status_and_reason(ledger: Ledger, church_id: UUID) -> None:
    ledger.opt_out(church_id, numbers(1)[0])
    message = ledger.send(church_id, numbers(4), segments=2)
    ledger.record(sent(ledger.claim(church_id, limit=1)))

    roll_up(ledger)

    assert totals(ledger, message) == {
        (Status.SUPPRESSED, "opted out"): (1, 2),
        (Status.QUEUED, ""): (2, 4),
        (Status.SENT, ""): (1, 2),
    }


@pytest.mark.parametrize(
    ("status", "error_code", "reason", "counted"),
    [
        ("failed", "21211", "Invalid 'To' Phone Number", "21211"),
        ("undelivered", "5.1.1", None, "5.1.1"),
        ("failed", None, "too late to be sent", "too late to be sent"),
        ("failed", "20429", "daily limit", "daily limit"),
        ("failed", None, "<ann@example.org>: no such user", "other"),
        ("failed", "no\ncode of ann@example.org", None, "other"),
        ("failed", None, None, ""),
        ("suppressed", None, "opted out", "opted out"),
        ("suppressed", None, "ann@example.org asked", "other"),
        ("sent", "30008", "decided by a person", ""),
    ],
)
def test_a_reason_is_an_error_code_or_one_of_a_closed_list(
    ledger: Ledger, church_id: UUID, status: str, error_code: str | None, reason: str | None, counted: str
) -> None:
    message = ledger.send(church_id, numbers(1))
    ledger.query(
        "UPDATE deliveries SET status = %(status)s::delivery_status, error_code = %(code)s, reason = %(reason)s",
        status=status,
        code=error_code,
        reason=reason,
    )

    roll_up(ledger)

    assert totals(ledger, message) == {(Status(status), counted): (1, 1)}


def test_the_time_to_deliver_is_counted_from_when_a_delivery_may_go_out(ledger: Ledger, church_id: UUID) -> None:
    message, ids = delivered(ledger, church_id, count=4)
    base = datetime.now(UTC) - timedelta(hours=10)
    for delivery_id, age_from, arrived in zip(
        ids,
        (None, None, base + timedelta(hours=1), None),
        (base + timedelta(seconds=60), base + timedelta(seconds=60), base + timedelta(hours=1, seconds=5), base),
        strict=True,
    ):
        ledger.query(
            "UPDATE deliveries SET age_from = %(age_from)s, updated_at = %(arrived)s WHERE delivery_id = %(id)s",
            age_from=age_from,
            arrived=arrived,
            id=delivery_id,
        )
    ledger.query("UPDATE messages SET send_at = %(base)s", base=base)

    roll_up(ledger)

    [(buckets, counts)] = ledger.query(
        "SELECT time_buckets, time_counts FROM message_totals WHERE message_id = %(id)s", id=message.message_id
    )
    assert counts == [1, 1, 2]
    for bucket, seconds in zip(buckets[1:], (5, 60), strict=True):
        assert BUCKET_GROWTH ** (bucket - 1) < seconds <= BUCKET_GROWTH**bucket
    assert buckets[0] == 0


# --- until it is final ------------------------------------------------------------------------------------------------


def test_a_status_that_no_delivery_has_any_more_is_removed(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(2))
    roll_up(ledger)
    assert totals(ledger, message) == {(Status.QUEUED, ""): (2, 2)}
    ledger.record(sent(ledger.claim(church_id)))
    let_time_pass(ledger)

    roll_up(ledger)

    assert totals(ledger, message) == {(Status.SENT, ""): (2, 2)}
    assert not is_final(ledger, message)


def test_a_settled_message_is_counted_once(ledger: Ledger, church_id: UUID) -> None:
    message, _ = delivered(ledger, church_id)
    count_finally(ledger)
    assert is_final(ledger, message)
    before = ledger.query("SELECT xmin::text, * FROM message_totals")

    let_time_pass(ledger)

    assert roll_up(ledger) == 0
    assert ledger.query("SELECT xmin::text, * FROM message_totals") == before


def test_a_message_that_was_settled_just_now_is_not_final_yet(ledger: Ledger, church_id: UUID) -> None:
    """A transaction that changes one of its deliveries may have begun before."""
    message, _ = delivered(ledger, church_id)
    settle(ledger)
    assert due_in_seconds(ledger, message) <= message_totals.FINAL_AFTER_SECONDS
    ledger.query("UPDATE messages SET total_due_at = now()")

    roll_up(ledger)

    assert not is_final(ledger, message)
    assert 0 < due_in_seconds(ledger, message) <= message_totals.FINAL_AFTER_SECONDS


def test_the_older_a_message_is_the_less_often_it_is_counted(ledger: Ledger, church_id: UUID) -> None:
    message, _ = accepted(ledger, church_id)
    roll_up(ledger)
    assert due_in_seconds(ledger, message) == pytest.approx(300, abs=60)

    ledger.query("UPDATE messages SET send_at = now() - interval '50 hours', total_due_at = now()")
    roll_up(ledger)

    assert due_in_seconds(ledger, message) == pytest.approx(5 * 3600, abs=60)


def test_a_message_of_next_week_is_due_when_it_is_sent(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.compose(church_id, {"phoneNumbers": numbers(1)}, send_at=datetime.now(UTC) + timedelta(days=7))
    roll_up(ledger)
    assert due_in_seconds(ledger, message) > 6 * 86400

    ledger.query("UPDATE messages SET send_at = now()")
    ledger.expand(church_id, message)

    roll_up(ledger)
    assert totals(ledger, message) == {(Status.QUEUED, ""): (1, 1)}


# --- what makes it be counted again -----------------------------------------------------------------------------------


def late_receipt(ledger: Ledger, church_id: UUID, message: Message, delivery_id: UUID) -> None:
    ledger.receive(delivery_id, Status.UNDELIVERED, carrier_id=f"SM{delivery_id.hex}", error_code="30003")
    ledger.apply()


def late_retryable_receipt(ledger: Ledger, church_id: UUID, message: Message, delivery_id: UUID) -> None:
    ledger.receive(delivery_id, Status.UNDELIVERED, carrier_id=f"SM{delivery_id.hex}", error_code="30022")
    ledger.apply(retryable_codes={"30022": 1.0})
    assert ledger.counts(message) == {Status.QUEUED: 1}


def late_doubt(ledger: Ledger, church_id: UUID, message: Message, delivery_id: UUID) -> None:
    with system_scope(ledger.database) as connection:
        reconciliation.put_holders_in_doubt(connection, [f"SM{delivery_id.hex}"])


def retry_after_failure(ledger: Ledger, church_id: UUID, message: Message, delivery_id: UUID) -> None:
    late_receipt(ledger, church_id, message, delivery_id)
    count_finally(ledger)
    assert is_final(ledger, message)
    with system_scope(ledger.database) as connection:
        message_lifecycle.lock(connection, church_id=church_id, message_id=message.message_id)
        retried = message_lifecycle.retry_failed(
            connection, church_id=church_id, message_id=message.message_id, reasons=None, error_codes=None
        )
    assert retried.deliveries == 1


@pytest.mark.parametrize("change", [late_receipt, late_retryable_receipt, late_doubt, retry_after_failure])
def test_a_change_of_a_settled_message_makes_it_be_counted_again(
    ledger: Ledger, church_id: UUID, change: Callable[[Ledger, UUID, Message, UUID], None]
) -> None:
    message, [delivery_id] = accepted(ledger, church_id)
    count_finally(ledger)
    assert is_final(ledger, message)
    assert totals(ledger, message) == {(Status.SENT, ""): (1, 1)}

    change(ledger, church_id, message, delivery_id)

    assert roll_up(ledger) == 1
    assert totals(ledger, message) == fresh_count(ledger, message) != {(Status.SENT, ""): (1, 1)}


def test_a_receipt_of_a_message_that_is_not_settled_leaves_no_request(ledger: Ledger, church_id: UUID) -> None:
    delivered(ledger, church_id)

    assert ledger.query("SELECT count(*) FROM recount_requests") == [(0,)]


def test_a_change_while_it_is_counted_is_not_lost(ledger: Ledger, church_id: UUID) -> None:
    """The roll-up neither waits for the transaction that changes the message, nor overwrites what it asked for."""
    message, [delivery_id] = accepted(ledger, church_id)
    settle(ledger)
    let_time_pass(ledger)
    with system_scope(ledger.database) as connection:
        reconciliation.put_holders_in_doubt(connection, [f"SM{delivery_id.hex}"])
        roll_up(ledger)

    assert not is_final(ledger, message)
    assert roll_up(ledger) == 1
    assert totals(ledger, message) == {(Status.UNKNOWN, ""): (1, 1)}


# --- two at once, in slices, deleted deliveries -----------------------------------------------------------------------


def test_concurrent_roll_ups_have_the_same_result_as_one(ledger: Ledger) -> None:
    churches = [ledger.church() for _ in range(20)]
    messages = [ledger.send(church_id, numbers(2)) for church_id in churches]

    for _ in range(3):
        let_time_pass(ledger)
        together(4, lambda _: roll_up(ledger))

    assert [totals(ledger, message) for message in messages] == [{(Status.QUEUED, ""): (2, 2)}] * 20


def test_a_second_roll_up_at_the_same_time_does_nothing(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(2))
    with system_scope(ledger.database) as connection:
        assert message_totals.count_due(connection, limit=10) == 1
        assert roll_up(ledger) is None


def test_messages_are_counted_in_slices(ledger: Ledger, church_id: UUID) -> None:
    messages = [ledger.send(church_id, numbers(1)) for _ in range(5)]

    assert [roll_up(ledger, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert all(totals(ledger, message) for message in messages)


def test_messages_of_before_are_counted_when_nothing_else_is_due(ledger: Ledger, church_id: UUID) -> None:
    message, _ = delivered(ledger, church_id)
    settle(ledger)
    ledger.query("UPDATE messages SET settled_at = settled_at - interval '1 day', total_due_at = 'infinity'")

    assert roll_up(ledger) == 0
    assert not is_final(ledger, message)
    assert roll_up(ledger, is_backlog=True) == 1
    assert is_final(ledger, message)
    assert totals(ledger, message) == {(Status.DELIVERED, ""): (1, 1)}


@pytest.mark.parametrize("left", [0, 1])
def test_the_totals_stay_when_deliveries_are_deleted(ledger: Ledger, church_id: UUID, left: int) -> None:
    message, ids = delivered(ledger, church_id, count=2)
    count_finally(ledger)
    ledger.query("DELETE FROM deliveries WHERE delivery_id = ANY (%(ids)s)", ids=ids[left:])
    ledger.query("INSERT INTO recount_requests (message_id) VALUES (%(id)s)", id=message.message_id)

    assert roll_up(ledger) == 1

    assert totals(ledger, message) == {(Status.DELIVERED, ""): (2, 2)}
    assert is_final(ledger, message)
