"""Deliveries and receipts are deleted once they are old and final, and never change a count."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from messaging.states import Status
from store import messages, retention
from store.database import church_scope, system_scope
from store.messages import Message
from store.retention import Doubts
from tests.integration.api.messages_in_progress import message_with
from tests.integration.store.ledger import Ledger, numbers, together
from tests.integration.store.old_messages import age, recount

FINAL = (Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.FAILED)
OLD, KEPT_DAYS = 401, 400
MANY = 1000
NO_DOUBTS = Doubts(since_by_church={})


def prune(ledger: Ledger, *, kept_days: int = KEPT_DAYS, slice_size: int = MANY) -> int:
    """Prunes until nothing is left to do, each step in its own transaction. Returns how many deliveries it deleted."""
    total = 0
    while True:
        with system_scope(ledger.database) as connection:
            deleted = retention.delete_deliveries(connection, limit=slice_size)
        with system_scope(ledger.database) as connection:
            retention.finish_pruning(connection, limit=slice_size)
        marked = begin(ledger, kept_days=kept_days, limit=slice_size)
        total += deleted
        if not deleted and not marked:
            return total


def begin(ledger: Ledger, *, kept_days: int = KEPT_DAYS, limit: int = MANY) -> int:
    with system_scope(ledger.database) as connection:
        return retention.begin_pruning(
            connection, kept_days=kept_days, doubts=doubts(connection), limit=limit, delivery_limit=10 * limit
        ).marked


def doubts(connection: Connection[Any]) -> Doubts:
    found = retention.find_doubts(connection, limit=MANY)
    assert found is not None
    return found


def counts(ledger: Ledger, church_id: UUID, message: Message) -> dict[Status, int]:
    with church_scope(ledger.database, church_id) as connection:
        return messages.counts(connection, message.message_id)


def kept(ledger: Ledger, message: Message) -> int:
    return ledger.query("SELECT count(*) FROM deliveries WHERE message_id = %(id)s", id=message.message_id)[0][0]


@given(
    sizes=st.lists(st.fixed_dictionaries({status: st.integers(0, 4) for status in FINAL}), min_size=1, max_size=4),
    days=st.lists(st.sampled_from([1, 399, 401, 500]), min_size=4, max_size=4),
    slice_size=st.integers(1, 7),
    steps=st.integers(0, 12),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pruning_changes_no_count_however_far_it_gets(
    ledger: Ledger, sizes: list[dict[Status, int]], days: list[int], slice_size: int, steps: int
) -> None:
    church = ledger.church()
    sent = [age(ledger, message_with(ledger, church, size), days=old) for size, old in zip(sizes, days, strict=False)]
    before = [counts(ledger, church, message) for message in sent]
    order = random.Random(steps)  # noqa: S311 - an order of steps

    for _ in range(steps):
        with system_scope(ledger.database) as connection:
            order.choice(_STEPS)(connection, slice_size)
        if order.random() < 0.2:  # however often the messages are counted again
            ledger.query("INSERT INTO recount_requests (message_id) SELECT message_id FROM messages")
            recount(ledger)
        assert [counts(ledger, church, message) for message in sent] == before

    prune(ledger, slice_size=slice_size)
    assert [counts(ledger, church, message) for message in sent] == before
    assert [kept(ledger, message) > 0 for message in sent] == [
        old < KEPT_DAYS and sum(size.values()) > 0 for size, old in zip(sizes, days, strict=False)
    ]


_STEPS: list[Callable[[Connection[Any], int], object]] = [
    lambda connection, n: retention.begin_pruning(
        connection, kept_days=KEPT_DAYS, doubts=NO_DOUBTS, limit=n, delivery_limit=n
    ),
    lambda connection, n: retention.delete_deliveries(connection, limit=n),
    lambda connection, n: retention.finish_pruning(connection, limit=n),
    lambda connection, n: retention.redact_deliveries(connection, kept_days=KEPT_DAYS, doubts=NO_DOUBTS, limit=n),
    lambda connection, n: retention.redact_messages(connection, kept_days=KEPT_DAYS, doubts=NO_DOUBTS, limit=n),
]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENDING, Status.UNKNOWN])
def test_no_delivery_is_deleted_whose_end_is_open(ledger: Ledger, status: Status) -> None:
    """Even if its message was marked as settled by mistake."""
    church = ledger.church()
    message = age(ledger, message_with(ledger, church, {status: 1, Status.DELIVERED: 2}), days=OLD)

    assert prune(ledger) == 0
    ledger.query("UPDATE messages SET prune_began_at = now()")
    prune(ledger)

    assert kept(ledger, message) == 1
    assert ledger.query("SELECT pruned_at FROM messages") == [(None,)]


def test_a_message_that_is_not_settled_keeps_its_deliveries(ledger: Ledger) -> None:
    church = ledger.church()
    message = age(ledger, message_with(ledger, church, {Status.SENT: 2}), days=OLD)
    ledger.query("UPDATE messages SET settled_at = NULL")

    assert prune(ledger) == 0
    assert kept(ledger, message) == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE messages SET totaled_at = NULL",
        "UPDATE messages SET total_due_at = now()",
        "INSERT INTO recount_requests (message_id) SELECT message_id FROM messages",
    ],
)
def test_a_message_without_final_totals_keeps_its_deliveries(ledger: Ledger, change: str) -> None:
    church = ledger.church()
    message = age(ledger, message_with(ledger, church, {Status.DELIVERED: 2}), days=OLD)
    ledger.query(change)

    assert prune(ledger) == 0
    assert kept(ledger, message) == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE message_totals SET deliveries = deliveries + 1",
        "UPDATE message_totals SET status = 'failed'",
        "DELETE FROM message_totals",
    ],
)
def test_a_message_whose_totals_disagree_is_counted_again_instead(ledger: Ledger, change: str) -> None:
    church = ledger.church()
    message = age(ledger, message_with(ledger, church, {Status.DELIVERED: 2}), days=OLD)
    ledger.query(change)

    assert prune(ledger) == 0
    assert kept(ledger, message) == 2
    assert ledger.query("SELECT message_id FROM recount_requests") == [(message.message_id,)]


def test_a_delivery_in_doubt_keeps_what_its_church_sent_since(ledger: Ledger) -> None:
    """Reconciliation must find to whom the ids in the carrier's list belong."""
    church, other = ledger.church(), ledger.church()
    earlier = age(ledger, message_with(ledger, church, {Status.DELIVERED: 1}), days=OLD + 10)
    message_with(ledger, church, {Status.UNKNOWN: 1}, first=10)
    ledger.query(
        "UPDATE messages SET created_at = now() - %(days)s * interval '1 day' WHERE settled_at IS NULL", days=OLD + 5
    )
    later = age(ledger, message_with(ledger, church, {Status.DELIVERED: 1}, first=20), days=OLD)
    elsewhere = age(ledger, message_with(ledger, other, {Status.DELIVERED: 1}), days=OLD)

    prune(ledger)

    assert [kept(ledger, message) for message in (earlier, later, elsewhere)] == [0, 1, 0]


def test_what_too_many_deliveries_in_doubt_keep_is_not_known(ledger: Ledger) -> None:
    message_with(ledger, ledger.church(), {Status.UNKNOWN: 3})

    with system_scope(ledger.database) as connection:
        assert retention.find_doubts(connection, limit=3) is None
        assert retention.find_doubts(connection, limit=4) is not None


def test_several_processes_prune_at_once(ledger: Ledger) -> None:
    church = ledger.church()
    sent = [age(ledger, message_with(ledger, church, {Status.DELIVERED: 5}, first=10 * n), days=OLD) for n in range(6)]

    deleted = together(4, lambda _: prune(ledger, slice_size=3))

    assert sum(deleted) == 30
    assert [counts(ledger, church, message)[Status.DELIVERED] for message in sent] == [5] * 6
    assert ledger.query("SELECT count(*) FROM messages WHERE pruned_at IS NULL") == [(0,)]


def test_a_receipt_for_a_deleted_delivery_is_applied_to_nothing(ledger: Ledger) -> None:
    church = ledger.church()
    message = age(ledger, message_with(ledger, church, {Status.SENT: 1, Status.DELIVERED: 1}), days=OLD)
    [(gone, carrier_id)] = ledger.query("SELECT delivery_id, carrier_id FROM deliveries WHERE status = 'sent'")
    prune(ledger)

    assert ledger.receive(gone, Status.DELIVERED, carrier_id=carrier_id)
    assert ledger.apply() == 1

    assert not ledger.has_unapplied()
    assert counts(ledger, church, message) == dict.fromkeys(Status, 0) | {Status.SENT: 1, Status.DELIVERED: 1}
    assert kept(ledger, message) == 0


def test_only_old_receipts_that_were_applied_are_deleted(ledger: Ledger) -> None:
    church = ledger.church()
    message_with(ledger, church, {Status.DELIVERED: 3})
    [(first, *_), (second, *_), (third, *_)] = ledger.query("SELECT receipt_id FROM receipts ORDER BY receipt_id")
    ledger.query("UPDATE receipts SET received_at = now() - interval '61 days' WHERE receipt_id <> %(id)s", id=third)
    ledger.query("UPDATE receipts SET applied_at = NULL WHERE receipt_id = %(id)s", id=second)

    assert delete_receipts(ledger) == [1, 0]

    assert ledger.query("SELECT receipt_id FROM receipts ORDER BY 1") == [(second,), (third,)]
    assert first < second


def test_a_delivery_in_doubt_keeps_the_receipts_since_its_message(ledger: Ledger) -> None:
    """Of every church: churches may share a sender."""
    message_with(ledger, ledger.church(), {Status.DELIVERED: 1})
    message_with(ledger, ledger.church(), {Status.UNKNOWN: 1})
    ledger.query("UPDATE receipts SET received_at = now() - interval '61 days'")
    ledger.query("UPDATE messages SET created_at = now() - interval '62 days'")

    assert delete_receipts(ledger) == [0]
    ledger.query("UPDATE messages SET created_at = now() - interval '60 days'")
    assert delete_receipts(ledger) == [1, 0]


def delete_receipts(ledger: Ledger) -> list[int]:
    """Deletes receipts one by one. Returns how many each step deleted."""
    steps, last = list[int](), 0
    while not steps or steps[-1]:
        with system_scope(ledger.database) as connection:
            deleted, last = retention.delete_receipts(
                connection, kept_days=60, doubts=doubts(connection), limit=2, after=last
            )
        steps.append(deleted)
    return steps


def test_old_runs_of_schedules_are_deleted(ledger: Ledger) -> None:
    church = ledger.church()
    ledger.query(
        "INSERT INTO schedules (church_id, channel, content, segments, target_type, target, rule_kind, rule, "
        "time_zone, starts_at, missed_policy, missed_within_seconds, request_hash) "
        "VALUES (%(church)s, 'sms', 'Amen', 1, 'all', '{}', 'cron', '0 9 * * *', 'UTC', now(), 'skip', 60, '')",
        church=church,
    )
    ledger.query(
        "INSERT INTO schedule_runs (run_id, schedule_id, run_at, church_id, outcome) "
        "SELECT uuidv7(n * interval '-200 days'), schedule_id, now() - n * interval '200 days', church_id, 'missed' "
        "FROM schedules, generate_series(0, 3) AS n"
    )

    with system_scope(ledger.database) as connection:
        assert retention.delete_schedule_runs(connection, kept_days=400, limit=1) == 1
        assert retention.delete_schedule_runs(connection, kept_days=399, limit=9) == 1

    assert ledger.query("SELECT count(*) FROM schedule_runs WHERE run_at > now() - interval '399 days'") == [(2,)]


def test_old_counts_of_refused_callbacks_are_deleted(ledger: Ledger) -> None:
    ledger.query("INSERT INTO refused_callbacks SELECT current_date - n, 'sms', 1 FROM unnest(ARRAY[0, 399, 402]) AS n")

    with system_scope(ledger.database) as connection:
        retention.delete_refused_callbacks(connection, kept_days=400)

    assert ledger.query("SELECT count(*) FROM refused_callbacks") == [(2,)]


def test_a_large_message_is_pruned_in_slices(ledger: Ledger) -> None:
    church = ledger.church()
    message = ledger.send(church, numbers(20))
    ledger.query("UPDATE deliveries SET status = 'delivered'")
    age(ledger, message, days=OLD)
    begin(ledger)

    with system_scope(ledger.database) as connection:
        assert retention.delete_deliveries(connection, limit=7) == 7

    assert kept(ledger, message) == 13
    assert counts(ledger, church, message)[Status.DELIVERED] == 20
