"""A paced sender sends no faster than its pace; one statement claims for all that may send now."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest

from messaging.states import Status
from store import paced_senders, senders
from store.claims import Claim
from store.database import system_scope
from tests.integration.store.ledger import Ledger, numbers, together

THOUSANDS = """
INSERT INTO churches (name) SELECT 'Church ' || n FROM generate_series(1, 2500) AS n;
INSERT INTO senders (church_id, channel, address, segments_per_second, tokens)
SELECT church_id, 'sms', '+15005550006', 1, 1 FROM churches;
INSERT INTO messages (
    church_id, channel, content, segments, target_type, target, request_hash, request_id, send_at, expanded_at
)
SELECT church_id, 'sms', 'Amen', 1, 'all', '{}', '', 'r', now(), now() FROM churches;
INSERT INTO deliveries (message_id, church_id, due_at, channel, address, status)
SELECT message_id, church_id, send_at, 'sms', '+12025550000', 'queued' FROM messages;
"""
"""Each with a pace, a token and a delivery that is due."""
LONG_AGO = "UPDATE senders SET tokens_at = now() - interval '1 hour'"
A_TOKEN_FOR_EACH = (
    "UPDATE senders SET tokens = 1, tokens_at = now(), next_claim_at = now() WHERE segments_per_second > 0"
)


def addresses(claim: Claim) -> list[str]:
    return [envelope.address for envelope in claim.envelopes]


def per_church(*claims: Claim) -> Counter[UUID]:
    return Counter(envelope.church_id for claim in claims for envelope in claim.envelopes)


def paced_churches(ledger: Ledger, count: int, *, recipients: int = 3, pace: float = 0.001) -> list[UUID]:
    """Churches that sent a message each, and have a token each."""
    churches = [ledger.church(segments_per_second=pace) for _ in range(count)]
    for church_id in churches:
        ledger.send(church_id, numbers(recipients))
    ledger.query(A_TOKEN_FOR_EACH)
    return churches


def test_one_claim_takes_what_each_church_may_send_now(ledger: Ledger) -> None:
    churches = paced_churches(ledger, 5)
    unpaced = ledger.church()
    ledger.send(unpaced, numbers(3))

    claim = ledger.claim_paced()

    assert per_church(claim) == dict.fromkeys(churches, 1), "and nothing of the church without a pace"
    assert ledger.claim_paced().taken == 0, "no sender has a token left"
    ledger.query(A_TOKEN_FOR_EACH)
    assert per_church(ledger.claim_paced()) == dict.fromkeys(churches, 1)
    ledger.query(A_TOKEN_FOR_EACH)
    assert not ledger.claim_paced().finished_churches, "each had a token for its last delivery and no more"
    ledger.query(A_TOKEN_FOR_EACH)
    last = ledger.claim_paced()
    assert (last.taken, set(last.finished_churches)) == (0, set(churches))
    assert ledger.seconds_to_next_claim() is None


def test_each_church_is_judged_as_if_it_were_alone(ledger: Ledger) -> None:
    opted_out, canceled, paused, refused, throttled, plain = churches = paced_churches(ledger, 6)
    messages = {
        church_id: message_id for message_id, church_id in ledger.query("SELECT message_id, church_id FROM messages")
    }
    ledger.opt_out(opted_out, numbers(1)[0])
    ledger.query("UPDATE messages SET canceled_at = now() WHERE church_id = %(id)s", id=canceled)
    ledger.query("UPDATE messages SET paused_at = now() WHERE church_id = %(id)s", id=paused)
    with system_scope(ledger.database) as connection:
        senders.pause(connection, church_id=refused, channel="sms", reason="unregistered")
        senders.throttle(connection, church_id=throttled, channel="sms", at_least_seconds=60)

    claim = ledger.claim_paced()

    assert per_church(claim) == {plain: 1}
    statuses = {
        church_id: {Status(status) for (status,) in rows}
        for church_id in churches
        if (
            rows := ledger.query(
                "SELECT DISTINCT status::text FROM deliveries WHERE message_id = %(id)s", id=messages[church_id]
            )
        )
    }
    assert statuses == {
        opted_out: {Status.SUPPRESSED, Status.QUEUED},
        canceled: {Status.CANCELED, Status.QUEUED},
        paused: {Status.QUEUED},
        refused: {Status.QUEUED},
        throttled: {Status.QUEUED},
        plain: {Status.SENDING, Status.QUEUED},
    }


def test_an_opt_out_in_one_church_is_none_in_another(ledger: Ledger) -> None:
    one, other = paced_churches(ledger, 2, recipients=1)
    ledger.opt_out(one, numbers(1)[0])

    assert per_church(ledger.claim_paced()) == {other: 1}


def test_who_has_waited_longest_is_first_when_not_all_can_be_served(ledger: Ledger) -> None:
    churches = paced_churches(ledger, 4)
    for place, church_id in enumerate(churches):
        ledger.query(
            "UPDATE senders SET next_claim_at = now() - %(seconds)s * interval '1 second' WHERE church_id = %(id)s",
            seconds=place,
            id=church_id,
        )

    claims = [ledger.claim_paced(limit=2) for _ in range(3)]

    assert [set(per_church(claim)) for claim in claims] == [set(churches[2:]), set(churches[:2]), set()]
    assert [claim.is_full for claim in claims] == [True, True, False]


def test_a_fast_sender_does_not_take_the_whole_batch_from_the_slow_ones(ledger: Ledger) -> None:
    fast = paced_churches(ledger, 1, recipients=100, pace=50)[0]
    slow = paced_churches(ledger, 3)
    ledger.query(
        "UPDATE senders SET tokens = 50, segments_per_second = 100, next_claim_at = now() - interval '1 second'"
        " WHERE church_id = %(id)s",
        id=fast,
    )

    first, second = ledger.claim_paced(limit=20), ledger.claim_paced(limit=20)

    assert per_church(first) == {fast: 20}
    assert per_church(second) == {fast: 20} | dict.fromkeys(slow, 1)


def test_a_claim_that_finds_nothing_due_may_not_be_the_last(ledger: Ledger) -> None:
    """Many churches finish at the same moment: those behind them must not wait for the next second."""
    finished = paced_churches(ledger, 3, recipients=1)
    assert ledger.claim_paced().taken == 3
    waiting = paced_churches(ledger, 1)

    ledger.query(
        "UPDATE senders SET next_claim_at = now() - interval '1 minute' WHERE church_id = ANY (%(ids)s)", ids=finished
    )
    first = ledger.claim_paced(limit=3)

    assert (first.taken, first.is_full, first.found_senders) == (0, True, True)
    assert per_church(ledger.claim_paced(limit=3)) == {waiting[0]: 1}
    assert not ledger.claim_paced().found_senders


def test_concurrent_claims_share_the_churches(ledger: Ledger) -> None:
    churches = paced_churches(ledger, 40)

    claims = together(4, lambda _: ledger.claim_paced())

    assert per_church(*claims, ledger.claim_paced()) == dict.fromkeys(churches, 1)


def test_a_claim_is_scheduled_when_something_is_due_and_starts_with_one_token(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=0.01)
    idle = ledger.church(segments_per_second=0.01)
    ledger.query(LONG_AGO)
    assert ledger.set_next_claims() == []

    ledger.send(church_id, numbers(30))
    assert ledger.set_next_claims() == ["sms"]

    assert per_church(ledger.claim_paced()) == {church_id: 1}
    rows = ledger.query("SELECT church_id FROM senders WHERE next_claim_at IS NOT NULL")
    assert rows == [(church_id,)]
    assert idle != church_id


def test_a_claim_is_not_scheduled_before_a_token_has_accrued(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=0.1)
    ledger.query(LONG_AGO)
    ledger.send(church_id, numbers(1))
    assert ledger.claim(church_id).taken == 1

    ledger.send(church_id, numbers(1, first=10))
    assert ledger.set_next_claims() == [], "nothing is due now"

    seconds = ledger.seconds_to_next_claim()
    assert seconds is not None
    assert 0 < seconds <= 10


def test_thousands_of_senders_get_their_next_claim_at_once(ledger: Ledger) -> None:
    with system_scope(ledger.database) as connection:
        connection.execute(THOUSANDS.encode())

    assert ledger.set_next_claims() == ["sms"]

    assert ledger.query("SELECT count(*) FROM senders WHERE next_claim_at IS NULL") == [(0,)]


def test_claims_are_scheduled_for_the_paced_ones_of_some_churches(ledger: Ledger) -> None:
    paced, unpaced, other = ledger.church(segments_per_second=1), ledger.church(), ledger.church(segments_per_second=1)
    for church_id in (paced, unpaced, other):
        ledger.send(church_id, numbers(2))

    with system_scope(ledger.database) as connection:
        found = paced_senders.set_next_claims_of(connection, [paced, unpaced], channel="sms")

    assert found == {paced}
    assert ledger.query("SELECT church_id FROM senders WHERE next_claim_at IS NOT NULL") == [(paced,)]


def test_a_new_pace_applies_to_the_deliveries_that_wait(ledger: Ledger) -> None:
    [church_id] = paced_churches(ledger, 1, recipients=50, pace=0.001)
    assert ledger.claim_paced().taken == 1
    ledger.set_sender(church_id, segments_per_second=20)

    ledger.set_next_claims()
    ledger.query("UPDATE senders SET tokens_at = now() - interval '1 hour', next_claim_at = now()")

    assert ledger.claim_paced().taken == 11


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


def test_an_idle_sender_has_one_token_and_a_busy_one_at_most_those_of_half_a_second_more(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=10)
    ledger.send(church_id, numbers(100))
    ledger.query(LONG_AGO)
    assert ledger.claim(church_id).taken == 1
    ledger.query(LONG_AGO)
    assert ledger.claim(church_id).taken == 6
    [(left,)] = ledger.query("SELECT tokens FROM senders")
    assert 0 <= left < 1

    ledger.query("DELETE FROM deliveries WHERE status = 'queued'")
    ledger.query(LONG_AGO)
    ledger.claim(church_id)
    ledger.send(church_id, numbers(100, first=200))
    ledger.query(LONG_AGO)
    assert ledger.claim(church_id).taken == 1, "it was idle, and has one token again"


def test_the_next_claim_is_due_when_there_is_a_token_and_never_when_nothing_is_due(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=0.5)
    ledger.send(church_id, numbers(2))
    assert ledger.seconds_to_next_claim() is None, "no claim is scheduled yet"

    ledger.query(LONG_AGO)
    assert ledger.claim(church_id).taken == 1
    seconds = ledger.seconds_to_next_claim()
    assert seconds is not None
    assert 0 < seconds <= 2

    ledger.query("UPDATE senders SET tokens_at = now() - interval '2 seconds', next_claim_at = now()")
    assert ledger.claim(church_id).taken == 1
    assert ledger.seconds_to_next_claim() is None, "nothing is due any more"


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
