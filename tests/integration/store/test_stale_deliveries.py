"""A delivery that is too old fails with a reason; a person's action restarts its age."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from messaging.quiet_hours import Window
from messaging.reconciliation import ReconciliationPolicy
from messaging.retry import RetryPolicy
from messaging.states import Status
from store import message_lifecycle, reconciliation, senders
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from store.messages import Message
from tests.integration.store.ledger import Ledger, numbers, sent

LIMIT = 3600.0
TOO_LATE = "too late to be sent"


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


@pytest.fixture
def message(ledger: Ledger, church_id: UUID) -> Message:
    return ledger.send(church_id, numbers(3))


def pass_time(ledger: Ledger, *, seconds: float = LIMIT + 60) -> None:
    """Moves all times into the past."""
    ago = timedelta(seconds=seconds)
    ledger.query(
        "UPDATE messages SET send_at = send_at - %(ago)s, resumed_at = resumed_at - %(ago)s, "
        "paused_at = paused_at - %(ago)s, completed_at = completed_at - %(ago)s",
        ago=ago,
    )
    ledger.query(
        "UPDATE deliveries SET due_at = due_at - %(ago)s, age_from = age_from - %(ago)s, "
        "updated_at = updated_at - %(ago)s",
        ago=ago,
    )


def claimed(ledger: Ledger, church_id: UUID) -> int:
    """Claims, and returns how many are to be submitted."""
    return len(ledger.claim(church_id, age_limit_seconds=LIMIT).envelopes)


def reasons(ledger: Ledger) -> set[tuple[str, str | None]]:
    return set(ledger.query("SELECT status::text, reason FROM deliveries"))


def retry(ledger: Ledger, church_id: UUID, message: Message) -> int:
    with system_scope(ledger.database) as connection:
        return message_lifecycle.retry_failed(
            connection, church_id=church_id, message_id=message.message_id, reasons=None, error_codes=None
        ).deliveries


def test_stale_deliveries_of_a_resumed_sender_fail(ledger: Ledger, church_id: UUID, message: Message) -> None:
    with system_scope(ledger.database) as connection:
        senders.pause(connection, church_id=church_id, channel="sms", reason="unregistered")
    pass_time(ledger)
    fresh = ledger.send(church_id, numbers(2, first=10))
    with system_scope(ledger.database) as connection:
        senders.resume(connection, church_id=church_id, channel="sms")

    claim = ledger.claim(church_id, age_limit_seconds=LIMIT)

    assert sorted(envelope.address for envelope in claim.envelopes) == numbers(2, first=10)
    assert claim.taken == 5
    assert ledger.counts(message) == {Status.FAILED: 3}
    assert ledger.counts(fresh) == {Status.SENDING: 2}
    assert ("failed", TOO_LATE) in reasons(ledger)
    assert ledger.complete(church_id) == 1


def test_a_delivery_just_within_the_age_limit_is_claimed(ledger: Ledger, church_id: UUID, message: Message) -> None:
    pass_time(ledger, seconds=LIMIT - 60)

    assert claimed(ledger, church_id) == 3


def test_a_stale_delivery_uses_no_token_and_no_attempt(ledger: Ledger) -> None:
    church_id = ledger.church(segments_per_second=0.001)
    ledger.send(church_id, numbers(50))
    pass_time(ledger)
    ledger.send(church_id, numbers(1, first=100))
    ledger.query("UPDATE senders SET tokens = 1")

    assert claimed(ledger, church_id) == 1

    assert ledger.query("SELECT DISTINCT attempts FROM deliveries WHERE status = 'failed'") == [(0,)]


def test_a_large_stale_message_fails_over_several_claims(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(25))
    pass_time(ledger)

    claims = [ledger.claim(church_id, limit=10, age_limit_seconds=LIMIT) for _ in range(3)]

    assert [claim.taken for claim in claims] == [10, 10, 5]
    assert [claim.is_full for claim in claims] == [True, True, False]
    assert ledger.counts(message) == {Status.FAILED: 25}


@pytest.mark.parametrize("other_reason", ["opted out", "canceled"])
def test_opt_out_and_cancellation_outrank_the_age_limit(ledger: Ledger, church_id: UUID, other_reason: str) -> None:
    message = ledger.send(church_id, numbers(1))
    pass_time(ledger)
    if other_reason == "opted out":
        ledger.opt_out(church_id, numbers(1)[0])
    else:
        ledger.query("UPDATE messages SET canceled_at = now()")

    ledger.claim(church_id, age_limit_seconds=LIMIT)

    assert ledger.counts(message) == {Status.SUPPRESSED if other_reason == "opted out" else Status.CANCELED: 1}


# --- people's actions -------------------------------------------------------------------------------------------------


def test_a_paused_message_does_not_become_stale_and_resuming_restarts_its_age(
    ledger: Ledger, church_id: UUID, message: Message
) -> None:
    with system_scope(ledger.database) as connection:
        message_lifecycle.pause(connection, church_id=church_id, message_id=message.message_id)
    ledger.query(
        "UPDATE deliveries SET due_at = now() WHERE address = %(one)s", one=numbers(1)[0]
    )  # queued again meanwhile
    pass_time(ledger)
    assert claimed(ledger, church_id) == 0
    assert ledger.counts(message) == {Status.QUEUED: 3}

    with system_scope(ledger.database) as connection:
        message_lifecycle.resume(connection, church_id=church_id, message=message)
    ledger.query("UPDATE deliveries SET due_at = least(due_at, now())")

    assert claimed(ledger, church_id) == 3


def test_a_resumed_message_becomes_stale_again(ledger: Ledger, church_id: UUID, message: Message) -> None:
    with system_scope(ledger.database) as connection:
        message_lifecycle.pause(connection, church_id=church_id, message_id=message.message_id)
        message_lifecycle.resume(connection, church_id=church_id, message=message)
    pass_time(ledger)

    assert claimed(ledger, church_id) == 0
    assert ledger.counts(message) == {Status.FAILED: 3}


def test_a_retry_restarts_the_age(ledger: Ledger, church_id: UUID, message: Message) -> None:
    pass_time(ledger)
    claimed(ledger, church_id)

    assert retry(ledger, church_id, message) == 3

    claim = ledger.claim(church_id, age_limit_seconds=LIMIT)
    assert len(claim.envelopes) == 3
    assert all(envelope.age_seconds < 60 for envelope in claim.envelopes), "a transient refusal may be retried"


def test_a_retryable_failure_is_retried_after_a_late_retry(ledger: Ledger, church_id: UUID, message: Message) -> None:
    pass_time(ledger)
    claimed(ledger, church_id)
    retry(ledger, church_id, message)
    claim = ledger.claim(church_id, age_limit_seconds=LIMIT)
    ledger.record(sent(claim))
    [envelope, *_] = claim.envelopes
    ledger.receive(envelope.delivery_id, Status.UNDELIVERED, attempt=envelope.attempt, error_code="30003")

    ledger.apply(policy=RetryPolicy(age_limit_seconds=LIMIT), retryable_codes={"30003": 60.0})

    assert ledger.get(envelope.delivery_id).status == "queued"


@pytest.mark.parametrize("resolved", ["one", "all"])
def test_resolving_as_queued_restarts_the_age(ledger: Ledger, church_id: UUID, message: Message, resolved: str) -> None:
    claim = ledger.claim(church_id)
    ledger.record(
        [DeliveryUpdate(delivery_id=e.delivery_id, attempt=1, status=Status.UNKNOWN) for e in claim.envelopes]
    )
    pass_time(ledger)
    with system_scope(ledger.database) as connection:
        if resolved == "one":
            reconciliation.resolve(
                connection,
                church_id=church_id,
                message_id=message.message_id,
                delivery_id=claim.envelopes[0].delivery_id,
                status="queued",
            )
        else:
            reconciliation.resolve_all(connection, church_id=church_id, message_id=message.message_id, status="queued")

    assert claimed(ledger, church_id) == (1 if resolved == "one" else 3)


def test_a_late_retry_in_doubt_that_is_not_found_is_sent_again(
    ledger: Ledger, church_id: UUID, message: Message
) -> None:
    pass_time(ledger)
    claimed(ledger, church_id)
    retry(ledger, church_id, message)
    claim = ledger.claim(church_id, age_limit_seconds=LIMIT)
    [envelope, *_] = claim.envelopes
    ledger.record([DeliveryUpdate(delivery_id=envelope.delivery_id, attempt=envelope.attempt, status=Status.UNKNOWN)])
    ledger.query("UPDATE deliveries SET missed_reads = 9, updated_at = now() - interval '10 minutes'")

    with system_scope(ledger.database) as connection:
        policy = ReconciliationPolicy(age_limit_seconds=LIMIT)
        missing = [(envelope.delivery_id, envelope.attempt)]
        assert reconciliation.record_missing(connection, missing, policy=policy, pause_seconds=1.0) == 1


# --- quiet hours ------------------------------------------------------------------------------------------------------


def test_waiting_for_texting_hours_does_not_count_as_age(ledger: Ledger, church_id: UUID) -> None:
    """The age counts from the beginning of the hours, also after the reason was overwritten."""
    message = ledger.send(church_id, numbers(1))
    set_window(ledger, church_id, closed=True)
    ledger.claim(church_id, age_limit_seconds=LIMIT)
    assert reasons(ledger) == {("queued", "quiet hours")}
    open_hours_long_after_send_at(ledger)
    set_window(ledger, church_id, closed=False)

    [envelope] = ledger.claim(church_id, age_limit_seconds=LIMIT).envelopes

    assert envelope.age_seconds < LIMIT
    ledger.record([DeliveryUpdate(delivery_id=envelope.delivery_id, attempt=1, status=Status.QUEUED)])
    assert claimed(ledger, church_id) == 1, "an unsubmitted delivery keeps its age"
    assert ledger.counts(message) == {Status.SENDING: 1}


def test_a_delivery_whose_texting_hours_began_too_long_ago_is_stale(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(1))
    ledger.query("UPDATE deliveries SET reason = 'quiet hours'")
    pass_time(ledger)

    assert claimed(ledger, church_id) == 0
    assert ledger.counts(message) == {Status.FAILED: 1}


def set_window(ledger: Ledger, church_id: UUID, *, closed: bool) -> None:
    """Sets hours that are closed now, or all day, without changing waiting deliveries."""
    [(minute,)] = ledger.query(
        "SELECT extract(epoch FROM (now() AT TIME ZONE time_zone)::time)::int / 60 FROM churches "
        "WHERE church_id = %(id)s",
        id=church_id,
    )
    window = (minute + 120, minute + 180) if minute < 1200 else (minute - 180, minute - 120)
    opens, closes = window if closed else (0, 1440)
    ledger.query(
        "UPDATE churches SET window_opens = %(opens)s, window_closes = %(closes)s WHERE church_id = %(id)s",
        opens=Window(opens=opens, closes=closes).opens,
        closes=closes,
        id=church_id,
    )


def open_hours_long_after_send_at(ledger: Ledger) -> None:
    ledger.query("UPDATE messages SET send_at = now() - interval '20 hours'")
    ledger.query("UPDATE deliveries SET due_at = now() - interval '1 minute'")
