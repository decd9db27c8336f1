"""A claim takes the oldest due deliveries of one church, each once, within the sender's pace."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from messaging.states import Status
from store import senders
from store.claims import Claim
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from tests.integration.store.ledger import Ledger, numbers, together


def addresses(claim: Claim) -> list[str]:
    return [envelope.address for envelope in claim.envelopes]


def test_an_envelope_has_everything_that_the_carrier_needs(ledger: Ledger) -> None:
    church_id = ledger.church()
    message = ledger.send(church_id, numbers(1))

    claim = ledger.claim(church_id, lease_seconds=90)

    [envelope] = claim.envelopes
    assert (envelope.attempt, envelope.address, envelope.content) == (1, numbers(1)[0], message.content)
    assert envelope.sender.address == "+15005550006"
    assert envelope.sender.messaging_service_sid is None
    assert (claim.taken, claim.request_ids) == (1, frozenset({"r-1"}))
    [(status, attempts, lease_until)] = ledger.query("SELECT status, attempts, lease_until FROM deliveries")
    assert (status, attempts) == ("sending", 1)
    assert timedelta(seconds=85) < lease_until - datetime.now(UTC) <= timedelta(seconds=90)


def test_the_oldest_message_is_claimed_first_and_no_delivery_twice(ledger: Ledger) -> None:
    church_id = ledger.church()
    sent_first, sent_second = numbers(3), numbers(3, first=3)
    ledger.send(church_id, sent_first)
    ledger.send(church_id, sent_second)

    batches = [addresses(ledger.claim(church_id, limit=2)) for _ in range(4)]

    assert [len(batch) for batch in batches] == [2, 2, 2, 0]
    taken = [address for batch in batches for address in batch]
    assert set(taken[:3]) == set(sent_first)
    assert set(taken[3:]) == set(sent_second)


@pytest.mark.parametrize("claimers", [2, 8])
def test_concurrent_claims_take_each_delivery_once(claimers: int, ledger: Ledger) -> None:
    church_id = ledger.church()
    ledger.send(church_id, numbers(1000))

    def claim_until_empty(_: int) -> list[UUID]:
        taken: list[UUID] = []
        while (claim := ledger.claim(church_id, limit=37)).taken:
            taken += [envelope.delivery_id for envelope in claim.envelopes]
        return taken

    taken = Counter(delivery for share in together(claimers, claim_until_empty) for delivery in share)

    assert len(taken) == 1000
    assert set(taken.values()) == {1}
    assert ledger.query("SELECT DISTINCT status, attempts FROM deliveries") == [("sending", 1)]


def test_deliveries_of_another_church_or_not_due_yet_are_not_claimed(ledger: Ledger) -> None:
    church_id, other = ledger.church(), ledger.church()
    ledger.send(other, numbers(1))
    ledger.send(church_id, numbers(2))
    [first, _] = ledger.claim(church_id).envelopes
    back = DeliveryUpdate(delivery_id=first.delivery_id, attempt=1, status=Status.QUEUED, delay_seconds=60)
    ledger.record([back])

    assert ledger.claim(church_id).taken == 0
    assert ledger.claim(other).taken == 1


def test_nothing_is_claimed_without_a_sender(ledger: Ledger) -> None:
    church_id = ledger.church()
    ledger.send(church_id, numbers(1))
    ledger.query("DELETE FROM senders")

    assert ledger.claim(church_id).taken == 0


def test_nothing_is_claimed_for_a_paused_sender_until_it_is_resumed(ledger: Ledger) -> None:
    church_id = ledger.church()
    ledger.send(church_id, numbers(2))
    with system_scope(ledger.database) as connection:
        senders.pause(connection, church_id=church_id, channel="sms", reason="unregistered")
        assert senders.report_refusal(connection, church_id, "sms", job_id="job-1") == "unregistered"
        assert senders.report_refusal(connection, church_id, "sms", job_id="job-2") is None, "only one job reports it"

    assert ledger.claim(church_id).taken == 0

    with system_scope(ledger.database) as connection:
        assert not senders.resume(connection, church_id=church_id, channel="sms", paused_by="job-2")
        assert senders.resume(connection, church_id=church_id, channel="sms", paused_by="job-1")
        assert not senders.resume(connection, church_id=church_id, channel="sms")
    assert ledger.claim(church_id).taken == 2


def test_a_sender_without_a_pace_is_not_limited(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=None)
    ledger.send(church_id, numbers(500), segments=5)

    assert ledger.claim(church_id, limit=500).taken == 500


def test_a_claim_says_whether_more_may_be_due(ledger: Ledger) -> None:
    church_id = ledger.church()
    ledger.send(church_id, numbers(3))

    first, second = ledger.claim(church_id, limit=2), ledger.claim(church_id, limit=2)

    assert [(claim.is_full, claim.has_pace) for claim in (first, second)] == [(True, False), (False, False)]


def test_due_churches_are_those_without_a_pace_that_may_send_now_or_have_a_refusal_to_report(ledger: Ledger) -> None:
    ready, idle, reported, refused, paced = (ledger.church() for _ in range(5))
    for church_id in (ready, reported, refused, paced):
        ledger.send(church_id, numbers(1))
    ledger.set_sender(paced, segments_per_second=1)
    with system_scope(ledger.database) as connection:
        for church_id in (reported, refused):
            senders.pause(connection, church_id=church_id, channel="sms", reason="unregistered")
        senders.report_refusal(connection, reported, "sms", job_id="job-1")

    assert set(ledger.due_churches()) == {(ready, "sms"), (refused, "sms")}

    ledger.claim(ready)
    assert ledger.due_churches() == [(refused, "sms")]
    assert idle not in {church_id for church_id, _ in ledger.due_churches()}


def test_when_many_churches_are_due_those_that_have_waited_longest_come_first(ledger: Ledger) -> None:
    churches = [ledger.church() for _ in range(4)]
    for place, church_id in enumerate(churches):
        ledger.send(church_id, numbers(2))
        ledger.query(
            "UPDATE deliveries SET due_at = now() - %(minutes)s * interval '1 minute' WHERE church_id = %(id)s",
            minutes=place,
            id=church_id,
        )

    assert ledger.due_churches(limit=3) == [(church_id, "sms") for church_id in (churches[3], churches[2], churches[1])]
