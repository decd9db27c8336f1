"""The claim evaluates quiet hours again, because time passes after the expansion."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from messaging.quiet_hours import Window
from tests.harness.texting_hours import closed_now
from tests.integration.store.ledger import Ledger, numbers


def test_a_due_delivery_outside_its_texting_hours_is_postponed_by_the_claim(
    ledger: Ledger,
) -> None:
    closed = closed_now()
    church_id = ledger.church(time_zone="UTC", window=closed.window)
    ledger.send(church_id, numbers(2))
    ledger.query("UPDATE deliveries SET due_at = now() - interval '1 hour', reason = NULL")

    claim = ledger.claim(church_id)

    assert (claim.taken, claim.envelopes) == (2, [])
    assert ledger.query("SELECT address, due_at FROM deliveries WHERE reason = 'quiet hours' ORDER BY address") == [
        (phone, closed.opens_at) for phone in numbers(2)
    ]
    assert ledger.query("SELECT DISTINCT attempts FROM deliveries") == [(0,)]


def test_postponed_deliveries_use_no_tokens(ledger: Ledger) -> None:
    closed = closed_now()
    church_id = ledger.church(time_zone="UTC", window=closed.window, segments_per_second=1)
    ledger.query("UPDATE senders SET tokens = 1")
    ledger.send(church_id, numbers(50))
    ledger.query("UPDATE deliveries SET due_at = now()")

    assert ledger.claim(church_id).taken == 50

    [(tokens,)] = ledger.query("SELECT tokens FROM senders")
    assert tokens >= 1


def test_a_delivery_whose_hours_end_before_the_lease_is_postponed(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    minute = now.hour * 60 + now.minute
    if not 2 <= minute < 1437:
        pytest.skip("too near to midnight")
    church_id = ledger.church(time_zone="UTC", window=Window(opens=minute - 1, closes=minute + 2))
    ledger.send(church_id, numbers(1))
    ledger.query("UPDATE deliveries SET due_at = now()")

    assert ledger.claim(church_id, lease_seconds=240).envelopes == []
    ledger.query("UPDATE deliveries SET due_at = now()")
    assert len(ledger.claim(church_id, lease_seconds=1).envelopes) == 1
