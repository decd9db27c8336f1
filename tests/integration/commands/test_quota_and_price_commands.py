"""`flask set-quota`, `show-quota`, `set-price` and `show-prices`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from store import audit, segment_prices
from store.database import Database, system_scope
from tests.integration.commands.conftest import Run

THIS_MONTH = datetime.now(UTC).date().replace(day=1)


def new_church(run: Run) -> UUID:
    result = run("create-church", "--name", "Grace", "--time-zone", "UTC", "--json")
    return UUID(json.loads(result.stdout)["churchId"])


def events(database: Database, church_id: UUID) -> list[tuple[str, object]]:
    """What the audit has about quotas and prices, the newest first."""
    with system_scope(database) as connection:
        found = audit.list_events(connection, limit=10, church_id=church_id)
    return [(each.action, dict(each.details)) for each in found if each.action in ("quota.changed", "price.changed")]


def test_a_quota_is_set_shown_and_removed(run: Run, database: Database) -> None:
    church_id = new_church(run)

    result = run("set-quota", "--church", str(church_id), "--monthly-segments", "20000")

    assert result.exit_code == 0, result.output
    assert "Monthly segments: 20,000\n" in result.stdout
    assert "Left:             20,000\n" in result.stdout
    assert run("show-quota", "--church", str(church_id)).stdout == result.stdout
    removed = run("set-quota", "--church", str(church_id), "--monthly-segments", "none")
    assert "Monthly segments: no quota\n" in removed.stdout
    assert events(database, church_id) == [
        ("quota.changed", {"monthlySegments": None, "before": 20000}),
        ("quota.changed", {"monthlySegments": 20000, "before": None}),
    ]


@pytest.mark.parametrize("segments", ["-1", "1.5", "many", "", "9999999999999", "٣"])
def test_a_quota_is_a_whole_number(run: Run, segments: str) -> None:
    result = run("set-quota", "--church", str(new_church(run)), "--monthly-segments", segments)

    assert result.exit_code == 2
    assert "whole number" in result.output


def test_a_price_is_exact_and_holds_from_a_day_on(run: Run, database: Database) -> None:
    church_id = new_church(run)
    later = (THIS_MONTH + timedelta(days=40)).isoformat()
    for price, since in (("0.0079", THIS_MONTH.isoformat()), ("0.008300", later)):
        result = run(
            *("set-price", "--church", str(church_id), "--channel", "sms"),
            *("--per-segment", price, "--currency", "usd", "--from", since),
        )
        assert result.exit_code == 0, result.output

    with system_scope(database) as connection:
        prices = segment_prices.list_prices(connection, church_id)
    assert [(price.valid_from.isoformat(), price.per_segment, price.currency) for price in prices] == [
        (THIS_MONTH.isoformat(), Decimal("0.0079"), "USD"),
        (later, Decimal("0.0083"), "USD"),
    ]
    assert f"sms      {later}  0.008300 USD" in run("show-prices", "--church", str(church_id)).stdout
    assert events(database, church_id)[0] == (
        "price.changed",
        {"from": later, "perSegment": "0.008300", "currency": "USD"},
    )


def test_a_month_that_is_over_keeps_its_price(run: Run) -> None:
    last_month = (THIS_MONTH - timedelta(days=1)).isoformat()
    for whose in (("--church", str(new_church(run))), ("--every-church",)):
        result = run(
            *("set-price", *whose, "--channel", "sms", "--per-segment", "1", "--currency", "USD", "--from", last_month)
        )

        assert result.exit_code == 2
        assert "must not be before the present month" in result.output


@pytest.mark.parametrize(
    "options",
    [
        ("--per-segment", "0.00000001", "--currency", "USD"),
        ("--per-segment", "-1", "--currency", "USD"),
        ("--per-segment", "NaN", "--currency", "USD"),
        ("--per-segment", "1e5", "--currency", "USD"),
        ("--per-segment", "1", "--currency", "DOLLAR"),
        ("--per-segment", "1"),
        ("--per-segment", "none", "--currency", "USD"),
        ("--per-segment", "1", "--currency", "USD", "--from", "2026-02-30"),
        ("--per-segment", "1", "--currency", "USD", "--every-church"),
    ],
)
def test_a_wrong_price_is_refused_in_one_line(run: Run, options: tuple[str, ...]) -> None:
    result = run("set-price", "--church", str(new_church(run)), "--channel", "sms", *options)

    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
