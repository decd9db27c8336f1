"""A direct text is written with its one delivery, once, and claimed before everything that its church has queued."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from messaging.states import Status, SuppressionReason
from store import church_limits, direct_texts, due_work, metric_readings, opt_outs
from store.daily_limits import DailyLimitReached
from store.database import church_scope, system_scope
from store.deliveries import DeliveryUpdate
from store.direct_texts import DirectText, DirectTextKind, NewDirectText, TextingRules
from store.messages import NoSender
from store.suspensions import ChurchSuspended, suspend
from tests.harness.texting_hours import ANY_HOUR
from tests.integration.store.ledger import Ledger, numbers, together

ANN, *BLAST = numbers(200)
RULES = TextingRules(segment_weight=1, keeps_quiet_hours=True, default_limit=1000, default_regions=("US",))
NEVER_NOW = """
UPDATE churches SET window_opens = closed.opens, window_closes = closed.opens + 1
FROM (
    SELECT (extract(hour FROM now() AT TIME ZONE 'America/New_York')::int + 12) %% 24 * 60 AS opens
) AS closed
"""
"""Texting hours of one minute, about twelve hours from now."""


def write(
    ledger: Ledger,
    church_id: UUID,
    *,
    kind: DirectTextKind = "reply",
    address: str = ANN,
    key: str = "key 1",
    urgent_reason: str | None = "an answer",
    segments: int = 1,
    rules: TextingRules = RULES,
) -> DirectText:
    new = NewDirectText(
        church_id=church_id,
        channel="sms",
        kind=kind,
        address=address,
        content="See you then!",
        segments=segments,
        idempotency_key=key,
        request_id="r-1",
        urgent_reason=urgent_reason,
    )
    with church_scope(ledger.database, church_id) as connection:
        return direct_texts.insert(connection, new, rules=rules)


def claimed(ledger: Ledger, church_id: UUID, *, limit: int = 1) -> list[str]:
    return [envelope.address for envelope in ledger.claim(church_id, limit=limit).envelopes]


def limit(ledger: Ledger, church_id: UUID, segments: int) -> None:
    with system_scope(ledger.database) as connection:
        church_limits.set_daily_limit(connection, church_id=church_id, daily_limit=segments)


def counted(ledger: Ledger, church_id: UUID) -> int:
    rows = ledger.query("SELECT segments FROM daily_segments WHERE church_id = %(id)s", id=church_id)
    return sum(segments for (segments,) in rows)


def test_it_is_claimed_before_a_broadcast_that_was_queued_earlier(ledger: Ledger) -> None:
    church_id = ledger.church()
    ledger.send(church_id, BLAST)

    text = write(ledger, church_id)

    assert (text.is_new, text.has_pace) == (True, False)
    assert claimed(ledger, church_id) == [ANN]


def test_a_paced_sender_with_a_long_queue_sends_it_with_its_next_token(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=0.001)
    ledger.send(church_id, BLAST)
    ledger.query("UPDATE senders SET tokens = 1, tokens_at = now(), next_claim_at = now()")
    assert ledger.claim_paced().taken == 1, "the queue of the broadcast has begun"

    assert write(ledger, church_id).has_pace

    ledger.query("UPDATE senders SET tokens = 1, tokens_at = now(), next_claim_at = now()")
    assert [envelope.address for envelope in ledger.claim_paced().envelopes] == [ANN]


def test_a_paced_sender_without_anything_else_is_claimed_for_at_once(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=1)
    ledger.query("UPDATE senders SET tokens = 1, tokens_at = now(), next_claim_at = NULL")

    write(ledger, church_id)

    assert [envelope.address for envelope in ledger.claim_paced().envelopes] == [ANN]


def test_direct_texts_are_claimed_in_their_order(ledger: Ledger) -> None:
    church_id = ledger.church()
    for number, address in enumerate(BLAST[:3]):
        write(ledger, church_id, address=address, key=f"key {number}")

    assert claimed(ledger, church_id, limit=3) == BLAST[:3]


def test_after_a_transient_refusal_it_is_moved_before_the_broadcast_again(ledger: Ledger) -> None:
    church_id = ledger.church()
    write(ledger, church_id)
    [envelope] = ledger.claim(church_id).envelopes
    again = DeliveryUpdate(
        delivery_id=envelope.delivery_id, attempt=1, status=Status.QUEUED, delay_seconds=0.0, counts_as_try=True
    )
    ledger.send(church_id, BLAST)
    ledger.record([again])
    with system_scope(ledger.database) as connection:
        assert direct_texts.move_due_first(connection) == 1
        assert direct_texts.move_due_first(connection) == 0, "it is there"

    assert claimed(ledger, church_id) == [ANN]


def test_the_wait_of_a_retry_is_kept(ledger: Ledger) -> None:
    church_id = ledger.church()
    write(ledger, church_id)
    [envelope] = ledger.claim(church_id).envelopes
    ledger.record(
        [
            DeliveryUpdate(
                delivery_id=envelope.delivery_id,
                attempt=1,
                status=Status.QUEUED,
                delay_seconds=600.0,
                counts_as_try=True,
            )
        ]
    )
    with system_scope(ledger.database) as connection:
        assert direct_texts.move_due_first(connection) == 0

    assert claimed(ledger, church_id) == []


def test_the_same_key_writes_one_text(ledger: Ledger) -> None:
    church_id = ledger.church()

    texts = together(5, lambda _: write(ledger, church_id))

    assert sorted(text.is_new for text in texts) == [False] * 4 + [True]
    assert len({text.message.message_id for text in texts}) == 1
    assert ledger.query("SELECT count(*) FROM deliveries") == [(1,)]
    assert counted(ledger, church_id) == 1


def test_a_text_that_is_not_urgent_waits_for_the_texting_hours(ledger: Ledger) -> None:
    church_id = ledger.church()
    ledger.query(NEVER_NOW)

    write(ledger, church_id, urgent_reason=None)

    assert claimed(ledger, church_id) == []
    [(reason, wait)] = ledger.query("SELECT reason, due_at - now() FROM deliveries")
    assert reason == "quiet hours"
    assert timedelta(hours=10) < wait < timedelta(hours=14)


def test_when_the_texting_hours_begin_it_comes_before_the_broadcast_and_is_not_too_old(ledger: Ledger) -> None:
    church_id = ledger.church()
    ledger.query(NEVER_NOW)
    write(ledger, church_id, urgent_reason=None)
    ledger.query("UPDATE messages SET send_at = now() - interval '25 hours'")
    ledger.query("UPDATE deliveries SET due_at = now() - interval '1 hour', age_from = now() - interval '25 hours'")
    ledger.query(
        "UPDATE churches SET window_opens = %(opens)s, window_closes = %(closes)s",
        opens=ANY_HOUR.opens,
        closes=ANY_HOUR.closes,
    )
    broadcast = ledger.send(church_id, BLAST)
    ledger.query(
        "UPDATE deliveries SET due_at = now() - interval '2 hours' WHERE message_id = %(id)s", id=broadcast.message_id
    )
    with system_scope(ledger.database) as connection:
        direct_texts.move_due_first(connection)

    [envelope] = ledger.claim(church_id, limit=1).envelopes

    assert envelope.address == ANN
    assert 3500 < envelope.age_seconds < 4000, "since its hours began"


def test_an_urgent_text_is_sent_outside_the_texting_hours(ledger: Ledger) -> None:
    church_id = ledger.church()
    ledger.query(NEVER_NOW)

    write(ledger, church_id)

    assert claimed(ledger, church_id) == [ANN]


def test_a_reply_beyond_the_daily_limit_is_refused(ledger: Ledger) -> None:
    church_id = ledger.church()
    limit(ledger, church_id, 1)
    write(ledger, church_id)

    with pytest.raises(DailyLimitReached):
        write(ledger, church_id, key="key 2")

    assert counted(ledger, church_id) == 1


def test_a_confirmation_is_sent_beyond_the_limits_and_counted(ledger: Ledger) -> None:
    church_id = ledger.church()
    limit(ledger, church_id, 1)
    ledger.query("UPDATE churches SET monthly_segment_quota = 0")

    write(ledger, church_id, kind="confirmation", segments=2)

    assert claimed(ledger, church_id) == [ANN]
    assert counted(ledger, church_id) == 2


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        pytest.param("+447400123456", SuppressionReason.REGION_NOT_ALLOWED, id="another region"),
        pytest.param("+19005550000", SuppressionReason.NEVER_TEXTED, id="premium rate"),
        pytest.param("54321", SuppressionReason.NEVER_TEXTED, id="a short code"),
    ],
)
@pytest.mark.parametrize("kind", ["reply", "confirmation"])
def test_a_number_that_the_church_may_not_text_gets_nothing(
    ledger: Ledger, kind: DirectTextKind, address: str, reason: SuppressionReason
) -> None:
    church_id = ledger.church()

    text = write(ledger, church_id, kind=kind, address=address)

    assert text.suppression is reason
    assert ledger.query("SELECT status::text, reason FROM deliveries") == [("suppressed", reason.value)]
    assert claimed(ledger, church_id) == []
    assert counted(ledger, church_id) == 0


def test_a_reply_to_a_person_who_opted_out_meanwhile_is_suppressed_by_the_claim(ledger: Ledger) -> None:
    church_id = ledger.church()
    write(ledger, church_id)
    with church_scope(ledger.database, church_id) as connection:
        opt_outs.opt_out(connection, church_id=church_id, address=ANN, source="test")

    assert claimed(ledger, church_id) == []
    assert ledger.query("SELECT status::text, reason FROM deliveries") == [("suppressed", "opted out")]


def test_a_confirmation_that_comes_late_is_not_sent_to_a_person_who_opted_out(ledger: Ledger) -> None:
    """The FCC allows it within five minutes. The sender was paused, or a person retries it later."""
    church_id = ledger.church()
    write(ledger, church_id, kind="confirmation", key="on time")
    write(ledger, church_id, kind="confirmation", key="late")
    ledger.query("UPDATE messages SET created_at = now() - interval '6 minutes' WHERE idempotency_key = 'late'")
    with church_scope(ledger.database, church_id) as connection:
        opt_outs.opt_out(connection, church_id=church_id, address=ANN, source="test")

    assert claimed(ledger, church_id, limit=2) == [ANN]
    found = ledger.query(
        "SELECT idempotency_key, status::text, reason FROM messages JOIN deliveries USING (message_id)"
    )
    assert sorted(found) == [("late", "suppressed", "opted out"), ("on time", "sending", None)]


def test_a_late_confirmation_is_sent_to_a_person_who_has_not_opted_out(ledger: Ledger) -> None:
    church_id = ledger.church()
    write(ledger, church_id, kind="confirmation")
    ledger.query("UPDATE messages SET created_at = now() - interval '6 minutes'")

    assert claimed(ledger, church_id) == [ANN]


def test_a_suspended_church_and_one_without_a_sender_write_none(ledger: Ledger) -> None:
    suspended, without_sender = ledger.church(), ledger.church()
    ledger.query("DELETE FROM senders WHERE church_id = %(id)s", id=without_sender)
    with system_scope(ledger.database) as connection:
        suspend(connection, suspended, reason="unpaid")

    with pytest.raises(ChurchSuspended):
        write(ledger, suspended)
    with pytest.raises(NoSender):
        write(ledger, without_sender)


def test_its_due_time_is_shown_nowhere_as_its_age(ledger: Ledger) -> None:
    church_id = ledger.church()
    write(ledger, church_id)

    with system_scope(ledger.database) as connection:
        [queued] = [each for each in metric_readings.oldest_deliveries(connection, ["sms"]) if each.status == "queued"]
        oldest = due_work.read_channel(connection, "sms").oldest_since
        now = due_work.read_clock(connection)

    assert queued.age_seconds < 3600
    assert oldest is not None
    assert now - oldest < timedelta(hours=1)
