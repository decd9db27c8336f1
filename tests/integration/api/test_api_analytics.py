"""GET /api/analytics: what was sent, by the church's own calendar."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from store.database import Database
from tests.harness.churches import KnownChurch, another_key
from tests.integration.store.counted_messages import roll_up
from tests.integration.store.ledger import Ledger
from tests.integration.store.sent_messages import insert_sent

PATH = "/api/analytics"
DELIVERED = ("delivered", None, 10.0)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def get(client: FlaskClient, church: KnownChurch, **query: str) -> dict[str, Any]:
    query = {name.rstrip("_"): value for name, value in query.items()}
    answer = client.get(PATH, query_string=query, headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def refused(client: FlaskClient, church: KnownChurch, **query: str) -> dict[str, str]:
    """The field errors."""
    query = {name.rstrip("_"): value for name, value in query.items()}
    answer = client.get(PATH, query_string=query, headers=church.bearer)
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.get_json()["errors"]}


def set_price(
    ledger: Ledger, church_id: UUID | None, channel: str, since: str, price: str | None, currency: str
) -> None:
    ledger.query(
        "INSERT INTO segment_prices (church_id, channel, valid_from, per_segment, currency) VALUES (%(church_id)s, "
        "%(channel)s, %(since)s, %(price)s, %(currency)s)",
        church_id=church_id,
        channel=channel,
        since=since,
        price=price,
        currency=currency if price else None,
    )


@pytest.fixture
def sent(ledger: Ledger, church: KnownChurch) -> KnownChurch:
    """Two texts and a mail, on the first and second of May 2025."""
    noon = datetime(2025, 5, 1, 16, tzinfo=UTC)
    insert_sent(
        ledger,
        church.church_id,
        noon,
        *[("delivered", None, seconds) for seconds in (2, 4, 6, 100)],
        ("failed", "21211", 1),
        ("undelivered", "30003", 1),
        ("undelivered", "30003", 1),
        segments=2,
    )
    insert_sent(ledger, church.church_id, noon + timedelta(days=1), DELIVERED, ("sent", None, 1))
    insert_sent(ledger, church.church_id, noon + timedelta(days=1), ("sent", None, 1), channel="mail")
    roll_up(ledger)
    return church


def test_one_sum_of_a_range(client: FlaskClient, ledger: Ledger, sent: KnownChurch) -> None:
    set_price(ledger, sent.church_id, "sms", "2025-01-01", "0.0079", "USD")

    report = get(client, sent, from_="2025-05-01", to="2025-05-31")

    [item] = report["items"]
    assert (report["from"], report["to"], report["timeZone"]) == ("2025-05-01", "2025-05-31", "America/New_York")
    assert item["messages"] == 3
    assert item["counts"] == {
        "audience": 10,
        "suppressed": 0,
        "canceled": 0,
        "queued": 0,
        "sending": 0,
        "unknown": 0,
        "sent": 2,
        "undelivered": 2,
        "failed": 1,
        "delivered": 5,
    }
    assert item["reasons"] == [
        {"status": "undelivered", "reason": "30003", "deliveries": 2},
        {"status": "failed", "reason": "21211", "deliveries": 1},
    ]
    assert (item["segments"], item["unpricedSegments"]) == (2 * 6 + 2 + 1, 1)
    assert item["costs"] == [{"currency": "USD", "amount": "0.1106"}]  # 14 segments
    assert item["timeToDeliver"]["deliveries"] == 5
    assert item["timeToDeliver"]["p50Seconds"] == pytest.approx(6, rel=0.05)
    assert item["timeToDeliver"]["p95Seconds"] == pytest.approx(100, rel=0.05)
    assert item["final"] is True
    assert item["rolledUpAt"] is not None
    assert (item["day"], item["channel"], item["messageId"], item["optOuts"]) == (None, None, None, 0)


def test_sums_by_day_and_channel(client: FlaskClient, sent: KnownChurch) -> None:
    def groups(by: str) -> list[tuple[str | None, str | None, int]]:
        items = get(client, sent, from_="2025-05-01", to="2025-05-31", by=by)["items"]
        return [(item["day"], item["channel"], item["counts"]["audience"]) for item in items]

    assert groups("day") == [("2025-05-01", None, 7), ("2025-05-02", None, 3)]
    assert groups("channel") == [(None, "mail", 1), (None, "sms", 9)]
    assert groups("channel,day") == [("2025-05-01", "sms", 7), ("2025-05-02", "mail", 1), ("2025-05-02", "sms", 2)]


def test_messages_are_paged(client: FlaskClient, ledger: Ledger, church: KnownChurch) -> None:
    at = datetime(2025, 5, 1, 16, tzinfo=UTC)
    ids = [str(insert_sent(ledger, church.church_id, at, DELIVERED)) for _ in range(5)]
    roll_up(ledger)
    seen: list[dict[str, Any]] = []
    query = {"from_": "2025-05-01", "to": "2025-05-01", "by": "message", "limit": "2"}
    page = get(client, church, **query)
    seen += page["items"]
    while page["next"]:
        page = get(client, church, **query, cursor=page["next"])
        seen += page["items"]

    assert [item["messageId"] for item in seen] == sorted(ids)
    assert {(item["day"], item["channel"], item["sendAt"]) for item in seen} == {
        ("2025-05-01", "sms", "2025-05-01T16:00:00Z")
    }
    assert all(item["final"] and item["counts"]["delivered"] == 1 for item in seen)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2025, 3, 9, 4, 59, 59, tzinfo=UTC), "2025-03-08"),
        (datetime(2025, 3, 9, 5, tzinfo=UTC), "2025-03-09"),  # the day with 23 hours
        (datetime(2025, 3, 10, 3, 59, 59, tzinfo=UTC), "2025-03-09"),
        (datetime(2025, 3, 10, 4, tzinfo=UTC), "2025-03-10"),
        (datetime(2025, 11, 2, 3, 59, 59, tzinfo=UTC), "2025-11-01"),
        (datetime(2025, 11, 2, 4, tzinfo=UTC), "2025-11-02"),  # the day with 25 hours
        (datetime(2025, 11, 3, 4, 59, 59, tzinfo=UTC), "2025-11-02"),
        (datetime(2025, 11, 3, 5, tzinfo=UTC), "2025-11-03"),
    ],
)
@pytest.mark.parametrize("by", ["day", "message"])
def test_a_day_begins_at_the_churchs_midnight(
    client: FlaskClient, ledger: Ledger, church: KnownChurch, at: datetime, day: str, by: str
) -> None:
    insert_sent(ledger, church.church_id, at, DELIVERED)
    roll_up(ledger)

    [item] = get(client, church, from_=day, to=day, by=by)["items"]
    assert item["day"] == day
    before, after = (f"{datetime.fromisoformat(day).date() + timedelta(days=difference)}" for difference in (-1, 1))
    assert get(client, church, from_=before, to=before, by=by)["items"] == []
    assert get(client, church, from_=after, to=after, by=by)["items"] == []


def test_an_hour_that_comes_twice_at_midnight_belongs_to_one_day(
    client: FlaskClient, ledger: Ledger, church: KnownChurch
) -> None:
    """In Havana the clock is set back from 01:00 to 00:00: the day has two hours that begin at midnight."""
    ledger.query("UPDATE churches SET time_zone = 'America/Havana' WHERE church_id = %(id)s", id=church.church_id)
    for hour in (4, 5):
        insert_sent(ledger, church.church_id, datetime(2025, 11, 2, hour, 30, tzinfo=UTC), DELIVERED)
    roll_up(ledger)

    [item] = get(client, church, from_="2025-11-02", to="2025-11-02", by="day")["items"]

    assert item["messages"] == 2
    assert get(client, church, from_="2025-11-01", to="2025-11-01", by="day")["items"] == []


def test_a_price_holds_from_its_day_and_a_churchs_own_comes_first(
    client: FlaskClient, ledger: Ledger, church: KnownChurch
) -> None:
    for month in (4, 5, 6, 7):
        insert_sent(ledger, church.church_id, datetime(2025, month, 1, 4, 0, tzinfo=UTC), DELIVERED)
    roll_up(ledger)
    set_price(ledger, None, "sms", "2025-05-01", "0.01", "EUR")
    set_price(ledger, church.church_id, "sms", "2025-06-01", "0.005", "USD")
    set_price(ledger, church.church_id, "sms", "2025-07-01", None, "USD")

    items = get(client, church, from_="2025-04-01", to="2025-07-31", by="day")["items"]

    assert [(item["costs"], item["unpricedSegments"]) for item in items] == [
        ([], 1),
        ([{"currency": "EUR", "amount": "0.01"}], 0),
        ([{"currency": "USD", "amount": "0.005"}], 0),
        ([{"currency": "EUR", "amount": "0.01"}], 0),
    ]
    [whole] = get(client, church, from_="2025-04-01", to="2025-07-31")["items"]
    assert whole["costs"] == [{"currency": "EUR", "amount": "0.02"}, {"currency": "USD", "amount": "0.005"}]


def test_costs_are_exact(client: FlaskClient, ledger: Ledger, church: KnownChurch) -> None:
    insert_sent(ledger, church.church_id, datetime(2025, 5, 1, 12, tzinfo=UTC), *[DELIVERED] * 3, segments=10)
    roll_up(ledger)
    set_price(ledger, church.church_id, "sms", "2025-01-01", "0.000001", "USD")

    [item] = get(client, church, from_="2025-05-01", to="2025-05-01")["items"]

    assert item["costs"] == [{"currency": "USD", "amount": "0.00003"}]


def test_opt_outs_are_counted_on_their_day_also_if_nothing_was_sent(
    client: FlaskClient, ledger: Ledger, sent: KnownChurch
) -> None:
    for at in ("2025-05-01T12:00:00Z", "2025-05-02T03:59:00Z", "2025-05-03T12:00:00Z"):
        ledger.query(
            "INSERT INTO consent_events (church_id, address, event, source, happened_at) "
            "VALUES (%(church_id)s, %(at)s::text, 'opt_out', 'test', %(at)s::timestamptz)",
            church_id=sent.church_id,
            at=at,
        )

    by_day = get(client, sent, from_="2025-05-01", to="2025-05-31", by="day")["items"]
    by_channel = get(client, sent, from_="2025-05-01", to="2025-05-31", by="channel")["items"]

    assert [(item["day"], item["optOuts"], item["messages"]) for item in by_day] == [
        ("2025-05-01", 2, 1),
        ("2025-05-02", 0, 2),
        ("2025-05-03", 1, 0),
    ]
    assert {item["optOuts"] for item in by_channel} == {None}


def test_numbers_that_can_still_change_are_not_final(client: FlaskClient, ledger: Ledger, church: KnownChurch) -> None:
    at = datetime(2025, 5, 1, 16, tzinfo=UTC)
    insert_sent(ledger, church.church_id, at, DELIVERED)
    insert_sent(ledger, church.church_id, at + timedelta(days=1), ("sent", None, 1), is_settled=False)
    insert_sent(ledger, church.church_id, datetime.now(UTC), DELIVERED)
    never_counted = insert_sent(ledger, church.church_id, at + timedelta(days=2), DELIVERED)
    ledger.query("UPDATE messages SET total_due_at = 'infinity' WHERE message_id = %(id)s", id=never_counted)
    ledger.query("UPDATE messages SET settled_at = now() - interval '1 day' WHERE settled_at IS NOT NULL")
    roll_up(ledger)

    items = get(client, church, from_="2025-05-01", to="2025-05-31", by="day")["items"]
    assert [(item["day"], item["messages"], item["final"]) for item in items] == [
        ("2025-05-01", 1, True),
        ("2025-05-02", 1, False),
        ("2025-05-03", 0, False),
    ]
    [today] = get(client, church)["items"]
    assert (today["messages"], today["final"]) == (1, False)
    messages = get(client, church, from_="2025-05-01", to="2025-05-31", by="message")["items"]
    assert [item["final"] for item in messages] == [True, False]


def test_a_church_sees_only_its_own(client: FlaskClient, sent: KnownChurch, other_church: KnownChurch) -> None:
    for by in ("day", "channel", "message"):
        assert get(client, other_church, from_="2025-05-01", to="2025-05-31", by=by)["items"] == []


def test_a_key_needs_the_scope(client: FlaskClient, database: Database, church: KnownChurch) -> None:
    key = another_key(
        database, church.church_id, scopes=["messages:read", "messages:write", "contacts:read", "contacts:write"]
    )
    for path in (PATH, "/api/usage"):
        answer = client.get(path, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 403
        assert "analytics:read" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from_": "yesterday"}, "from"),
        ({"from_": "2025-02-30"}, "from"),
        ({"from_": "0001-01-01"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"to": "٢٠٢٥-٠١-٠١"}, "to"),
        ({"from_": "2025-01-02", "to": "2025-01-01"}, "from"),
        ({"from_": "2020-01-01", "to": "2025-01-01"}, "from"),
        ({"from_": "2100-01-01"}, "from"),
        ({"by": "recipient"}, "by"),
        ({"by": "message,day"}, "by"),
        ({"by": ""}, "by"),
        ({"by": "day", "limit": "5"}, "limit"),
        ({"cursor": "A" * 32}, "cursor"),
        ({"by": "message", "limit": "0"}, "limit"),
        ({"by": "message", "limit": "1e9"}, "limit"),
        ({"by": "message", "cursor": "_" * 32}, "cursor"),
        ({"by": "message", "cursor": "'; DROP TABLE messages"}, "cursor"),
        ({"churchId": "other"}, "churchId"),
    ],
)
def test_a_wrong_parameter_is_named(
    client: FlaskClient, church: KnownChurch, query: dict[str, str], field: str
) -> None:
    assert field in refused(client, church, **query)


def test_the_longest_range_is_allowed(client: FlaskClient, church: KnownChurch) -> None:
    assert get(client, church, from_="2021-01-01", to="2025-02-08", by="day,channel")["items"] == []
    assert "from" in refused(client, church, from_="2021-01-01", to="2025-02-09")


def test_csv(client: FlaskClient, sent: KnownChurch) -> None:
    query = {"from": "2025-05-01", "to": "2025-05-31", "by": "message", "limit": "2"}
    answer = client.get(PATH, query_string=query, headers={**sent.bearer, "Accept": "text/csv"})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.mimetype == "text/csv"
    assert [(row["day"], row["channel"], row["audience"], row["final"]) for row in rows] == [
        ("2025-05-01", "sms", "7", "true"),
        ("2025-05-02", "sms", "2", "true"),
    ]
    assert rows[0]["reasons"] == "undelivered:30003=2;failed:21211=1"
    path, _, relation = answer.headers["Link"].partition("; ")
    assert relation == 'rel="next"'
    following = client.get(path.strip("<>"), headers={**sent.bearer, "Accept": "text/csv"})
    assert [row["channel"] for row in csv.DictReader(io.StringIO(following.text))] == ["mail"]
    assert "Link" not in following.headers


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html", "text/csv;q=0.1, application/json"])
def test_json_unless_csv_is_preferred(client: FlaskClient, church: KnownChurch, accept: str) -> None:
    assert client.get(PATH, headers={**church.bearer, "Accept": accept}).mimetype == "application/json"
