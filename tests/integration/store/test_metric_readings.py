"""What /metrics reads of the present state of the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from messaging.states import Status
from store import metric_readings, senders
from store.database import Database, system_scope
from store.deliveries import DeliveryUpdate
from tests.integration.store.ledger import Ledger, numbers, sent

CHANNELS = ["sms", "mail"]


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


def ages(ledger: Ledger) -> dict[tuple[str, str], int]:
    """The age of the oldest delivery in seconds, by channel and status."""
    with system_scope(ledger.database) as connection:
        found = metric_readings.oldest_deliveries(connection, CHANNELS)
    return {(each.channel, each.status): round(each.age_seconds) for each in found}


DUE = "UPDATE deliveries SET due_at = now() - %(ago)s WHERE church_id = %(id)s"
UPDATED = "UPDATE deliveries SET updated_at = now() - %(ago)s WHERE delivery_id = %(id)s"
COMPLETED = "UPDATE messages SET completed_at = now() - %(ago)s WHERE completed_at IS NOT NULL"
NEXT_CLAIM = "UPDATE senders SET next_claim_at = now() - %(ago)s"
RECEIVED = """
UPDATE receipts SET received_at = now() - %(ago)s WHERE receipt_id = (SELECT min(receipt_id) FROM receipts)
"""


def set_ago(ledger: Ledger, statement: str, seconds: int, which: UUID | None = None) -> None:
    ledger.query(statement, ago=timedelta(seconds=seconds), id=which)


def test_without_deliveries_there_is_no_age(ledger: Ledger, church_id: UUID) -> None:
    assert ages(ledger) == {}


def test_a_delivery_that_is_due_has_the_age_since_it_was_due(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(2))
    ledger.send(ledger.church(), numbers(2))
    set_ago(ledger, DUE, 500, church_id)

    assert ages(ledger) == {("sms", "queued"): 500}


@pytest.mark.parametrize(
    "waiting",
    [
        "UPDATE deliveries SET due_at = now() + interval '1 hour'",
        "UPDATE deliveries SET due_at = 'infinity'",
        "UPDATE senders SET paused_at = now(), paused_reason = 'refused'",
        "UPDATE senders SET slowed_until = now() + interval '1 minute'",
        "UPDATE senders SET segments_per_second = 1",
    ],
)
def test_what_is_meant_to_wait_has_no_age(ledger: Ledger, church_id: UUID, waiting: str) -> None:
    ledger.send(church_id, numbers(1))
    set_ago(ledger, DUE, 500, church_id)

    ledger.query(waiting)

    assert ages(ledger) == {}


def test_sending_unknown_and_sent_have_the_age_of_the_oldest(ledger: Ledger, church_id: UUID) -> None:
    for _ in range(3):
        ledger.send(church_id, numbers(1))
    sending, unknown, accepted = ledger.claim(church_id).envelopes
    ledger.record([DeliveryUpdate(delivery_id=unknown.delivery_id, attempt=1, status=Status.UNKNOWN)])
    ledger.record(
        [DeliveryUpdate(delivery_id=accepted.delivery_id, attempt=1, status=Status.SENT, carrier_id="SM-accepted")]
    )
    ledger.complete(church_id)
    set_ago(ledger, UPDATED, 100, sending.delivery_id)
    set_ago(ledger, UPDATED, 200, unknown.delivery_id)
    set_ago(ledger, COMPLETED, 300)

    assert ages(ledger) == {("sms", "sending"): 100, ("sms", "unknown"): 200, ("sms", "sent"): 300}


def test_a_settled_message_waits_for_no_receipt(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(1))
    ledger.record(sent(ledger.claim(church_id)))
    ledger.complete(church_id)
    ledger.query("UPDATE messages SET settled_at = now()")

    assert ages(ledger) == {}


def read(ledger: Ledger, function: Any, *arguments: Any) -> Any:
    with system_scope(ledger.database) as connection:
        return function(connection, *arguments)


def test_a_paced_sender_for_which_nobody_claims_is_late(ledger: Ledger) -> None:
    ledger.church(segments_per_second=1)
    assert read(ledger, metric_readings.late_claims, CHANNELS) == {}

    set_ago(ledger, NEXT_CLAIM, 50)
    assert {channel: round(late) for channel, late in read(ledger, metric_readings.late_claims, CHANNELS).items()} == {
        "sms": 50
    }

    ledger.query("UPDATE senders SET slowed_until = now() + interval '1 minute'")
    assert read(ledger, metric_readings.late_claims, CHANNELS) == {}


def test_the_oldest_receipt_that_is_not_applied(ledger: Ledger, church_id: UUID) -> None:
    assert read(ledger, metric_readings.oldest_receipt_seconds) == 0
    ledger.send(church_id, numbers(2))
    claim = ledger.claim(church_id)
    for envelope in claim.envelopes:
        ledger.receive(envelope.delivery_id, Status.DELIVERED)
    set_ago(ledger, RECEIVED, 40)

    assert round(read(ledger, metric_readings.oldest_receipt_seconds)) == 40

    ledger.apply()
    assert read(ledger, metric_readings.oldest_receipt_seconds) == 0


def test_paused_and_slowed_senders_are_counted(ledger: Ledger) -> None:
    churches = [ledger.church() for _ in range(4)]
    with system_scope(ledger.database) as connection:
        for church_id in churches[:2]:
            senders.pause(connection, church_id=church_id, channel="sms", reason="refused")
        senders.throttle(connection, church_id=churches[2], channel="sms", at_least_seconds=60)

    found = read(ledger, metric_readings.waiting_senders)
    assert {(each.channel, each.state): each.senders for each in found} == {("sms", "paused"): 2, ("sms", "slowed"): 1}


def test_the_server_and_its_connections(ledger: Ledger, database: Database, database_url: str) -> None:
    with (
        psycopg.connect(database_url, application_name="koinonia web") as web,
        psycopg.connect(database_url, application_name="somebody's; own program"),
    ):
        web.execute("SELECT 1")  # leaves a transaction open
        with system_scope(database) as connection:
            connections = metric_readings.connections(connection)
            statistics = metric_readings.server_statistics(connection)

    by_program = {(each.program, each.state): each.connections for each in connections}
    assert by_program["web", "idle in transaction"] == 1
    assert by_program["other", "active"] >= 1
    assert {program for program, _ in by_program} <= {"inline", "migrate", "other", "web"}, "no name of a stranger"
    assert statistics.bytes > 1_000_000
    assert 1 <= statistics.connections_max <= 100
    assert statistics.oldest_transaction_seconds > 0


def test_a_limit_of_the_role_is_the_most_connections(
    ledger: Ledger, superuser_database_url: str, database_url: str
) -> None:
    with psycopg.connect(superuser_database_url, autocommit=True) as superuser:
        superuser.execute("ALTER ROLE koinonia CONNECTION LIMIT 40")
        try:
            assert read(ledger, metric_readings.server_statistics).connections_max == 40
        finally:
            superuser.execute("ALTER ROLE koinonia CONNECTION LIMIT -1")
