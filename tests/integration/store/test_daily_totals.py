"""Daily totals by the church's own calendar. Rolling up is idempotent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from messaging.states import Status
from store import daily_totals
from store.database import system_scope
from store.messages import Message
from tests.integration.store.ledger import Ledger, numbers, sent, together

HONOLULU, KIRITIMATI = "Pacific/Honolulu", "Pacific/Kiritimati"  # 24 hours apart: never the same day


def roll_up(ledger: Ledger, *, days_back: int = 3) -> None:
    with system_scope(ledger.database) as connection:
        daily_totals.roll_up(connection, days_back=days_back)


def totals(ledger: Ledger, church_id: UUID) -> list[tuple[Any, ...]]:
    return ledger.query(
        "SELECT day, channel, status, deliveries, segments FROM daily_totals WHERE church_id = %(id)s "
        "ORDER BY day, status",
        id=church_id,
    )


def sent_at(ledger: Ledger, church_id: UUID, at: datetime, *, count: int = 1, segments: int = 1) -> Message:
    message = ledger.compose(church_id, {"phoneNumbers": numbers(count)}, send_at=at, segments=segments)
    ledger.expand(church_id, message)
    return message


def today(time_zone: str) -> date:
    return datetime.now(ZoneInfo(time_zone)).date()


def test_deliveries_and_segments_are_counted_by_status(ledger: Ledger) -> None:
    church_id = ledger.church(time_zone="UTC")
    sent_at(ledger, church_id, datetime.now(UTC), count=3, segments=2)
    ledger.record(sent(ledger.claim(church_id, limit=1)))

    roll_up(ledger)

    assert totals(ledger, church_id) == [
        (today("UTC"), "sms", "queued", 2, 4),
        (today("UTC"), "sms", "sent", 1, 2),
    ]


def test_a_second_roll_up_replaces_the_totals(ledger: Ledger) -> None:
    church_id = ledger.church(time_zone="UTC")
    message = ledger.send(church_id, numbers(2))
    roll_up(ledger)
    roll_up(ledger)
    day = message.send_at.date()
    assert totals(ledger, church_id) == [(day, "sms", "queued", 2, 2)]
    ledger.record(sent(ledger.claim(church_id)))

    roll_up(ledger)

    assert totals(ledger, church_id) == [(day, "sms", "sent", 2, 2)]


def test_days_are_those_of_the_churchs_time_zone(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    west, east = ledger.church(time_zone=HONOLULU), ledger.church(time_zone=KIRITIMATI)
    for church_id in (west, east):
        sent_at(ledger, church_id, now)

    roll_up(ledger)

    [[west_day, *_]], [[east_day, *_]] = totals(ledger, west), totals(ledger, east)
    assert east_day - west_day == timedelta(days=1)
    assert west_day == now.astimezone(ZoneInfo(HONOLULU)).date()


def test_messages_before_and_after_the_churchs_midnight_count_on_two_days(ledger: Ledger) -> None:
    zone = ZoneInfo("America/New_York")
    midnight = datetime.combine(today(zone.key), datetime.min.time(), tzinfo=zone)
    here, utc = ledger.church(time_zone=zone.key), ledger.church(time_zone="UTC")
    for church_id in (here, utc):
        sent_at(ledger, church_id, midnight - timedelta(seconds=1))
        sent_at(ledger, church_id, midnight)

    roll_up(ledger)

    assert [day for day, *_ in totals(ledger, here)] == [midnight.date() - timedelta(days=1), midnight.date()]
    assert [(day, count) for day, _, _, count, _ in totals(ledger, utc)] == [(midnight.date(), 2)]


def test_days_before_the_period_are_not_recounted(ledger: Ledger) -> None:
    church_id = ledger.church(time_zone="UTC")
    sent_at(ledger, church_id, datetime.now(UTC) - timedelta(days=4))
    recent = sent_at(ledger, church_id, datetime.now(UTC) - timedelta(days=3))
    ledger.query(
        "INSERT INTO daily_totals (church_id, day, channel, status, deliveries, segments) "
        "VALUES (%(church_id)s, %(day)s, 'sms', 'delivered', 7, 7)",
        church_id=church_id,
        day=today("UTC") - timedelta(days=4),
    )

    roll_up(ledger, days_back=3)

    assert totals(ledger, church_id) == [
        (today("UTC") - timedelta(days=4), "sms", "delivered", 7, 7),
        (recent.send_at.date(), "sms", "queued", 1, 1),
    ]


def test_concurrent_roll_ups_have_the_same_result_as_one(ledger: Ledger) -> None:
    churches = [ledger.church() for _ in range(20)]
    for church_id in churches:
        ledger.send(church_id, numbers(2))

    for _ in range(3):
        together(4, lambda _: roll_up(ledger))

    assert [totals(ledger, church_id)[0][2:] for church_id in churches] == [(Status.QUEUED, 2, 2)] * 20
