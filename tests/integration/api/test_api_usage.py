"""GET /api/usage and `flask usage`: messages, segments, costs and the quota by month of the church's calendar."""

from __future__ import annotations

import csv
import importlib
import io
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from store import monthly_quotas
from store.audit import Actor
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch, create_church
from tests.integration.api.test_api_analytics import DELIVERED, set_price
from tests.integration.store.counted_messages import roll_up
from tests.integration.store.ledger import Ledger
from tests.integration.store.sent_messages import insert_sent

PATH = "/api/usage"


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def get(client: FlaskClient, church: KnownChurch, **query: str) -> dict[str, Any]:
    query = {name.rstrip("_"): value for name, value in query.items()}
    answer = client.get(PATH, query_string=query, headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_each_month_is_shown_with_its_channels(client: FlaskClient, ledger: Ledger, church: KnownChurch) -> None:
    may = datetime(2025, 5, 10, tzinfo=UTC)
    insert_sent(ledger, church.church_id, may, DELIVERED, ("suppressed", None, 1), ("failed", "21211", 1), segments=3)
    insert_sent(ledger, church.church_id, may, DELIVERED, channel="mms")
    insert_sent(ledger, church.church_id, datetime(2025, 6, 10, tzinfo=UTC), ("sent", None, 1))
    roll_up(ledger)
    set_price(ledger, church.church_id, "sms", "2025-05-01", "0.01", "USD")
    set_price(ledger, church.church_id, "mms", "2025-05-01", "0.025", "USD")

    usage = get(client, church, from_="2025-04", to="2025-06")

    assert usage["timeZone"] == "America/New_York"
    assert [(month["month"], month["messages"], month["deliveries"]) for month in usage["months"]] == [
        ("2025-04", 0, 0),
        ("2025-05", 2, 2),
        ("2025-06", 1, 1),
    ]
    may_usage = usage["months"][1]
    assert [(each["channel"], each["segments"], each["costs"][0]["amount"]) for each in may_usage["channels"]] == [
        ("mms", 1, "0.025"),
        ("sms", 3, "0.03"),
    ]
    assert (may_usage["segments"], may_usage["costs"]) == (4, [{"currency": "USD", "amount": "0.055"}])
    assert all(month["final"] for month in usage["months"])


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (datetime(2025, 11, 1, 3, 59, 59, tzinfo=UTC), "2025-10"),
        (datetime(2025, 11, 1, 4, tzinfo=UTC), "2025-11"),
        (datetime(2025, 12, 1, 4, 59, 59, tzinfo=UTC), "2025-11"),  # the clocks were set back in November
        (datetime(2025, 12, 1, 5, tzinfo=UTC), "2025-12"),
        (datetime(2026, 1, 1, 4, 59, 59, tzinfo=UTC), "2025-12"),
    ],
)
def test_a_month_begins_at_the_churchs_midnight(
    client: FlaskClient, ledger: Ledger, church: KnownChurch, at: datetime, month: str
) -> None:
    insert_sent(ledger, church.church_id, at, DELIVERED)
    roll_up(ledger)

    months = get(client, church, from_="2025-10", to="2026-01")["months"]

    assert {each["month"] for each in months if each["messages"]} == {month}


def test_the_present_month_shows_what_is_left_of_the_quota(
    client: FlaskClient, database: Database, church: KnownChurch
) -> None:
    with system_scope(database) as connection:
        monthly_quotas.set_quota(
            connection, church_id=church.church_id, quota=10, actor=Actor(kind="command", name="test")
        )
    body = {"churchId": str(church.church_id), "content": "Come", "targetType": "numbers"}
    client.post("/api/messages/send", json={**body, "phoneNumbers": ["+12025550101"]}, headers=church.bearer)

    [month] = get(client, church)["months"]

    assert month["month"] == f"{datetime.now(ZoneInfo('America/New_York')):%Y-%m}"
    assert month["quota"] == {"used": 1, "limit": 10, "left": 9}
    assert month["final"] is False
    assert get(client, church, from_="2025-01", to="2025-01")["months"][0]["quota"] == {
        "used": 0,
        "limit": None,
        "left": None,
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from_": "2025"}, "from"),
        ({"from_": "2025-13"}, "from"),
        ({"to": "2025-01-01"}, "to"),
        ({"from_": "2025-02", "to": "2025-01"}, "from"),
        ({"from_": "2020-01", "to": "2025-01"}, "from"),
        ({"to": "9999-12"}, "to"),
    ],
)
def test_a_wrong_parameter_is_named(
    client: FlaskClient, church: KnownChurch, query: dict[str, str], field: str
) -> None:
    query = {name.rstrip("_"): value for name, value in query.items()}
    answer = client.get(PATH, query_string=query, headers=church.bearer)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_csv_has_a_line_for_each_channel(client: FlaskClient, ledger: Ledger, church: KnownChurch) -> None:
    insert_sent(ledger, church.church_id, datetime(2025, 5, 10, tzinfo=UTC), DELIVERED)
    insert_sent(ledger, church.church_id, datetime(2025, 5, 10, tzinfo=UTC), DELIVERED, channel="mms")
    roll_up(ledger)

    answer = client.get(f"{PATH}?from=2025-04&to=2025-06", headers={**church.bearer, "Accept": "text/csv"})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["month"], row["channel"], row["segments"], row["final"]) for row in rows] == [
        ("2025-05", "mms", "1", "true"),
        ("2025-05", "sms", "1", "true"),
    ]


def test_the_command_lists_all_churches_page_by_page_and_no_cell_is_a_formula(
    app: Flask, database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("api.commands.usage"), "CHURCHES_AT_ONCE", 2)
    churches = sorted(create_church(database).church_id for _ in range(5))
    for church_id in churches:
        insert_sent(ledger, church_id, datetime(2024, 2, 29, 12, tzinfo=UTC), DELIVERED)
    ledger.query("UPDATE churches SET name = '=HYPERLINK(\"evil\")' WHERE church_id = %(id)s", id=churches[0])
    roll_up(ledger)

    result = app.test_cli_runner().invoke(args=["usage", "--month", "2024-02", "--csv"])

    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["churchId"] for row in rows] == [str(church_id) for church_id in churches]
    assert rows[0]["church"] == '\'=HYPERLINK("evil")'
    assert {(row["month"], row["channel"], row["deliveries"], row["final"]) for row in rows} == {
        ("2024-02", "sms", "1", "true")
    }
    one = app.test_cli_runner().invoke(args=["usage", "--month", "2024-02", "--church", str(churches[1])])
    assert str(churches[1]) in one.stdout
    assert str(churches[2]) not in one.stdout
