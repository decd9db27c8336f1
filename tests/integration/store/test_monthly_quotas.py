"""The monthly quota is reserved with the daily limit, given back with it, and never exceeded by concurrent messages."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from messaging.addresses import AddressKind
from messaging.states import Status
from store import daily_limits, message_expansion, messages, monthly_quotas
from store.audit import Actor
from store.daily_limits import DailyLimitReached, MonthlyQuotaReached, Need
from store.database import church_scope, system_scope
from store.message_expansion import Expansion
from store.messages import Message, NewMessage
from tests.integration.store.ledger import Ledger, numbers, together

ACTOR = Actor(kind="command", name="test@host")
COUNTED = "SELECT month::text, segments FROM monthly_segments WHERE church_id = %(id)s ORDER BY month"
DAYS_OF_MONTHS = (
    "SELECT date_trunc('month', day)::date::text, sum(segments)::bigint FROM daily_segments WHERE church_id = %(id)s "
    "GROUP BY 1 ORDER BY 1"
)


def church_with_quota(ledger: Ledger, quota: int | None, *, time_zone: str = "America/New_York") -> UUID:
    church_id = ledger.church(time_zone=time_zone)
    set_quota(ledger, church_id, quota)
    return church_id


def set_quota(ledger: Ledger, church_id: UUID, quota: int | None) -> None:
    with system_scope(ledger.database) as connection:
        assert monthly_quotas.set_quota(connection, church_id=church_id, quota=quota, actor=ACTOR) is not None


def need_of(ledger: Ledger, church_id: UUID, count: int, *, at: datetime | None = None, daily: int = 1000) -> Need:
    with church_scope(ledger.database, church_id) as connection:
        need = daily_limits.measure(
            connection,
            church_id=church_id,
            target_type="numbers",
            target={"phoneNumbers": numbers(count)},
            segments_each=1,
            default_limit=daily,
            send_at=at,
        )
    assert need is not None
    return need


def accept(
    ledger: Ledger, church_id: UUID, count: int, *, at: datetime | None = None, daily: int = 1000, counted: bool = True
) -> Message:
    """Inserts a message; without `counted` like the run of a schedule, which is counted when it is expanded."""
    new = NewMessage(
        church_id=church_id,
        channel="sms",
        content="Amen",
        segments=1,
        target_type="numbers",
        target={"phoneNumbers": numbers(count), "numberRegions": ["US"] * count},
        idempotency_key=None,
        request_hash=b"hash",
        request_id="r-1",
        send_at=at,
        need=need_of(ledger, church_id, count, at=at, daily=daily) if counted else None,
    )
    with church_scope(ledger.database, church_id) as connection:
        return messages.insert(connection, new)[0]


def expand(ledger: Ledger, *message: Message) -> dict[UUID, Expansion]:
    with system_scope(ledger.database) as connection:
        return message_expansion.expand(
            connection,
            message_ids=[each.message_id for each in message],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=False,
            segment_weight=1,
            default_limit=1000,
            default_regions=["US"],
        )


def counted(ledger: Ledger, church_id: UUID) -> list[tuple[str, int]]:
    """What is counted by month, which is always what is counted on its days."""
    found = ledger.query(COUNTED, id=church_id)
    assert found == ledger.query(DAYS_OF_MONTHS, id=church_id)
    return [(month, segments) for month, segments in found]


def this_month(time_zone: str = "America/New_York") -> str:
    return f"{datetime.now(ZoneInfo(time_zone)):%Y-%m-01}"


def test_a_message_that_does_not_fit_is_refused_and_nothing_is_counted(ledger: Ledger) -> None:
    church_id = church_with_quota(ledger, 10)
    accept(ledger, church_id, 8)

    with pytest.raises(MonthlyQuotaReached) as refusal:
        accept(ledger, church_id, 3)

    assert refusal.value.left == 2
    assert counted(ledger, church_id) == [(this_month(), 8)]
    accept(ledger, church_id, 2)
    assert counted(ledger, church_id) == [(this_month(), 10)]


def test_the_daily_limit_is_reported_if_only_it_is_reached(ledger: Ledger) -> None:
    church_id = church_with_quota(ledger, 10)

    with pytest.raises(DailyLimitReached) as refusal:
        accept(ledger, church_id, 6, daily=5)

    assert refusal.value.left == 5
    assert counted(ledger, church_id) == []


def test_without_a_quota_a_month_is_only_counted(ledger: Ledger) -> None:
    church_id = church_with_quota(ledger, None)
    accept(ledger, church_id, 700)
    accept(ledger, church_id, 300)

    assert counted(ledger, church_id) == [(this_month(), 1000)]


def test_concurrent_messages_of_different_days_cannot_exceed_the_quota_together(ledger: Ledger) -> None:
    church_id = church_with_quota(ledger, 10)

    def send(number: int) -> bool:
        try:
            accept(ledger, church_id, 4, at=datetime(2031, 5, 2 + number, 12, tzinfo=UTC))
        except MonthlyQuotaReached:
            return False
        return True

    assert sum(together(8, send)) == 2
    assert counted(ledger, church_id) == [("2031-05-01", 8)]


@pytest.mark.parametrize(
    ("time_zone", "at", "month"),
    [
        ("America/New_York", datetime(2031, 11, 1, 3, 59, tzinfo=UTC), "2031-10-01"),
        ("America/New_York", datetime(2031, 11, 1, 4, 0, tzinfo=UTC), "2031-11-01"),
        ("Pacific/Kiritimati", datetime(2031, 10, 31, 10, 0, tzinfo=UTC), "2031-11-01"),
        ("America/New_York", datetime(2031, 12, 1, 4, 59, tzinfo=UTC), "2031-11-01"),
        ("America/New_York", datetime(2031, 12, 1, 5, 0, tzinfo=UTC), "2031-12-01"),
    ],
)
def test_a_month_is_that_of_the_churchs_calendar(ledger: Ledger, time_zone: str, at: datetime, month: str) -> None:
    church_id = church_with_quota(ledger, 10, time_zone=time_zone)

    accept(ledger, church_id, 1, at=at)

    assert counted(ledger, church_id) == [(month, 1)]


def test_what_is_not_sent_is_given_back_when_the_audience_is_written(ledger: Ledger) -> None:
    church_id = church_with_quota(ledger, 10)
    for address in numbers(4):
        ledger.opt_out(church_id, address)
    message = accept(ledger, church_id, 10)

    expand(ledger, message)

    assert counted(ledger, church_id) == [(this_month(), 6)]


def test_what_is_canceled_is_given_back(ledger: Ledger) -> None:
    church_id = church_with_quota(ledger, 10)
    message = accept(ledger, church_id, 10)

    with church_scope(ledger.database, church_id) as connection:
        daily_limits.release(connection, church_id=church_id, message_id=message.message_id, segments=7)

    assert counted(ledger, church_id) == [(this_month(), 3)]


def test_a_message_that_moves_to_another_month_is_counted_there(ledger: Ledger) -> None:
    church_id = church_with_quota(ledger, 10)
    message = accept(ledger, church_id, 9, at=datetime(2031, 5, 31, 12, tzinfo=UTC))
    need = need_of(ledger, church_id, 9, at=datetime(2031, 6, 1, 12, tzinfo=UTC))

    with church_scope(ledger.database, church_id) as connection:
        daily_limits.change_reservation(connection, church_id=church_id, message_id=message.message_id, need=need)

    assert counted(ledger, church_id) == [("2031-05-01", 0), ("2031-06-01", 9)]


def test_deliveries_of_schedules_beyond_the_quota_fail(ledger: Ledger) -> None:
    """No request could be refused for them."""
    church_id = church_with_quota(ledger, 10)
    first, second = (accept(ledger, church_id, 7, counted=False) for _ in range(2))

    expanded = expand(ledger, first, second)

    assert {each.beyond_limit for each in expanded.values()} == {0, 4}
    assert ledger.counts(first)[Status.QUEUED] + ledger.counts(second)[Status.QUEUED] == 10
    assert ledger.query("SELECT reason, count(*) FROM deliveries WHERE status = 'failed' GROUP BY 1") == [
        ("monthly quota", 4)
    ]
    assert counted(ledger, church_id) == [(this_month(), 10)]


def test_the_message_after_which_most_of_the_quota_is_used_is_told(ledger: Ledger) -> None:
    church_id = church_with_quota(ledger, 10)
    told: list[bool] = []
    for count in (7, 1, 1):
        message = accept(ledger, church_id, count, counted=False)
        told.append(expand(ledger, message)[message.message_id].nearly_used)

    assert told == [False, True, False]


def test_a_quota_counts_what_a_former_release_counted_by_day_only(ledger: Ledger) -> None:
    church_id = church_with_quota(ledger, None)
    accept(ledger, church_id, 5)
    ledger.query("DELETE FROM monthly_segments WHERE church_id = %(id)s", id=church_id)

    set_quota(ledger, church_id, 10)

    assert counted(ledger, church_id) == [(this_month(), 5)]
    assert ledger.query("SELECT action, details FROM audit_events WHERE church_id = %(id)s", id=church_id)[-1] == (
        "quota.changed",
        {"monthlySegments": 10, "before": None},
    )
