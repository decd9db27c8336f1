"""`flask resolve-unknown`: deliveries in doubt are listed, or resolved together."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from redis import Redis

from messaging.states import Status
from store.database import Database
from store.deliveries import DeliveryUpdate
from store.messages import Message
from tests.integration.commands.conftest import Run
from tests.integration.store.ledger import Ledger, numbers


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


def make_deliveries_in_doubt(ledger: Ledger, church_id: UUID, count: int) -> Message:
    """A completed message with `count` deliveries that have been in doubt for two hours."""
    message = ledger.send(church_id, numbers(count))
    claim = ledger.claim(church_id)
    ledger.record(
        [DeliveryUpdate(delivery_id=e.delivery_id, attempt=1, status=Status.UNKNOWN) for e in claim.envelopes]
    )
    ledger.complete(church_id)
    ledger.query("UPDATE deliveries SET updated_at = now() - interval '2 hours' WHERE status = 'unknown'")
    return message


def test_without_the_option_as_deliveries_in_doubt_are_listed_and_unchanged(
    run: Run, ledger: Ledger, church_id: UUID
) -> None:
    first, second = make_deliveries_in_doubt(ledger, church_id, 2), make_deliveries_in_doubt(ledger, church_id, 3)

    result = run("resolve-unknown")

    assert result.exit_code == 0, result.output
    assert f"church {church_id}  message {first.message_id}  sms  2 since " in result.stdout
    assert f"message {second.message_id}  sms  3 since " in result.stdout
    assert "5 in doubt; resolve them with --as." in result.stdout
    assert (ledger.counts(first), ledger.counts(second)) == ({Status.UNKNOWN: 2}, {Status.UNKNOWN: 3})


@pytest.mark.parametrize("decision", ["sent", "failed", "queued"])
def test_deliveries_in_doubt_are_resolved_together(
    run: Run, ledger: Ledger, redis: Redis, church_id: UUID, decision: str
) -> None:
    messages = [make_deliveries_in_doubt(ledger, church_id, count) for count in (2, 3)]

    result = run("resolve-unknown", "--as", decision, "--all")

    assert result.exit_code == 0, result.output
    assert f"5 are {decision} now." in result.stdout
    assert [ledger.counts(message) for message in messages] == [{Status(decision): 2}, {Status(decision): 3}]
    assert len(ledger.claim(church_id).envelopes) == (5 if decision == "queued" else 0)
    assert run("resolve-unknown", "--as", decision, "--all").stdout == "No delivery is in doubt.\n"


def test_only_selected_deliveries_are_resolved(run: Run, ledger: Ledger, church_id: UUID) -> None:
    mine, other = make_deliveries_in_doubt(ledger, church_id, 2), make_deliveries_in_doubt(ledger, ledger.church(), 2)

    run("resolve-unknown", "--as", "failed", "--church", str(church_id), "--channel", "sms")
    assert (ledger.counts(mine), ledger.counts(other)) == ({Status.FAILED: 2}, {Status.UNKNOWN: 2})

    run("resolve-unknown", "--as", "failed", "--channel", "mail")
    run("resolve-unknown", "--as", "failed", "--message", str(uuid4()))
    run("resolve-unknown", "--as", "failed", "--all", "--unknown-for-minutes", "180")
    assert ledger.counts(other) == {Status.UNKNOWN: 2}

    run("resolve-unknown", "--as", "sent", "--message", str(other.message_id))
    assert ledger.counts(other) == {Status.SENT: 2}


def test_resolving_deliveries_of_every_church_requires_the_option_all(
    run: Run, ledger: Ledger, church_id: UUID
) -> None:
    message = make_deliveries_in_doubt(ledger, church_id, 1)

    result = run("resolve-unknown", "--as", "queued")

    assert result.exit_code == 2
    assert "or use --all for those of every church" in result.stderr
    assert ledger.counts(message) == {Status.UNKNOWN: 1}
