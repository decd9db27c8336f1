"""A claim takes the oldest due deliveries of one church, each once, within the sender's pace."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from messaging.states import Status
from store import senders
from store.database import system_scope
from store.deliveries import Claim, DeliveryUpdate
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


def test_a_recipient_who_opted_out_after_expansion_is_suppressed_and_uses_no_token(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=0.001)
    ledger.query("UPDATE senders SET tokens = 1")
    opted_out = numbers(3)
    message = ledger.send(church_id, numbers(5))
    for address in opted_out:
        ledger.opt_out(church_id, address)

    claim = ledger.claim(church_id)

    assert addresses(claim) == numbers(1, first=3)
    assert claim.taken == 4
    assert ledger.counts(message) == {Status.SUPPRESSED: 3, Status.SENDING: 1, Status.QUEUED: 1}
    suppressed = ledger.query("SELECT DISTINCT reason, attempts FROM deliveries WHERE status = 'suppressed'")
    assert suppressed == [("opted out", 0)]


def test_a_sender_without_a_pace_is_not_limited(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=None)
    ledger.send(church_id, numbers(500), segments=5)

    assert ledger.claim(church_id, limit=500).taken == 500


def test_an_idle_sender_has_one_token_and_a_busy_one_at_most_two_seconds_of_tokens(
    ledger: Ledger,
) -> None:
    church_id = ledger.church(segments_per_second=10)
    ledger.send(church_id, numbers(100))
    long_ago = "UPDATE senders SET tokens_at = now() - interval '1 hour'"

    ledger.query(long_ago)
    assert ledger.claim(church_id).taken == 1
    ledger.query(long_ago)
    assert ledger.claim(church_id).taken == 20
    assert ledger.claim(church_id).taken <= 1

    ledger.query("DELETE FROM deliveries WHERE status = 'queued'")
    ledger.claim(church_id)
    ledger.send(church_id, numbers(100, first=200))
    ledger.query(long_ago)
    assert ledger.claim(church_id).taken == 1, "it was idle, and has one token again"


def test_a_claim_returns_when_to_claim_again(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=0.5)
    ledger.send(church_id, numbers(2))
    ledger.query("UPDATE senders SET tokens_at = now() - interval '1 hour'")

    again = ledger.claim(church_id).again_in_seconds
    assert again is not None
    assert 1.5 < again <= 2
    ledger.query("UPDATE senders SET tokens_at = now() - interval '2 seconds'")
    assert ledger.claim(church_id).again_in_seconds is None, "nothing more is due"

    unpaced = ledger.church(segments_per_second=None)
    ledger.send(unpaced, numbers(3, first=10))
    assert ledger.claim(unpaced, limit=2).again_in_seconds == 0
    assert ledger.claim(unpaced, limit=2).again_in_seconds is None


def test_a_text_longer_than_the_bucket_overdraws_it_and_delays_the_next(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=1)
    ledger.send(church_id, numbers(2), segments=8)
    ledger.query("UPDATE senders SET tokens_at = now() - interval '1 second'")

    assert ledger.claim(church_id).taken == 1

    [(debt,)] = ledger.query("SELECT tokens FROM senders")
    assert -7 <= debt < -6.5
    ledger.query("UPDATE senders SET tokens_at = tokens_at - interval '6 seconds'")
    assert ledger.claim(church_id).taken == 0
    ledger.query("UPDATE senders SET tokens_at = tokens_at - interval '2 seconds'")
    assert ledger.claim(church_id).taken == 1


@pytest.mark.parametrize("segments", [1, 3])
def test_concurrent_claims_keep_the_pace(segments: int, ledger: Ledger) -> None:
    """Together they take at most the tokens that have accrued, plus the overdraft of one text."""
    pace, wanted = 50.0, 15
    church_id = ledger.church(segments_per_second=pace)
    ledger.send(church_id, numbers(200), segments=segments)
    [(tokens, since)] = ledger.query("SELECT tokens, tokens_at FROM senders")

    def claim_until_enough(_: int) -> int:
        taken = 0
        while ledger.query("SELECT count(*) FROM deliveries WHERE status = 'sending'")[0][0] < wanted:
            taken += ledger.claim(church_id, limit=5).taken
        return taken

    taken = sum(together(4, claim_until_enough))

    [(left, until)] = ledger.query("SELECT tokens, tokens_at FROM senders")
    assert taken >= wanted
    assert taken * segments <= tokens + pace * (until - since).total_seconds() - left + 1e-3
    assert left > -segments


def test_due_batches_are_those_of_senders_that_may_send_now(ledger: Ledger) -> None:
    ready, idle, paused, exhausted, refilled = (ledger.church() for _ in range(5))
    for church_id in (ready, paused, exhausted, refilled):
        ledger.send(church_id, numbers(1))
    with system_scope(ledger.database) as connection:
        senders.pause(connection, church_id=paused, channel="sms", reason="unregistered")
        senders.report_refusal(connection, paused, "sms", job_id="job-1")
    for church_id, tokens in ((exhausted, -5), (refilled, 5)):
        ledger.set_sender(church_id, segments_per_second=1)
        ledger.query("UPDATE senders SET tokens = %(tokens)s WHERE church_id = %(id)s", tokens=tokens, id=church_id)

    assert set(ledger.due_batches()) == {(ready, "sms"), (refilled, "sms")}

    ledger.claim(ready)
    assert ledger.due_batches() == [(refilled, "sms")]
    assert idle not in {church_id for church_id, _ in ledger.due_batches()}
