"""Clicks of links are added by many processes at once, cheaply, and also after PostgreSQL was away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from messaging.links import new_code
from store import link_clicks, links
from store.database import Database, church_scope, open_database, system_scope
from store.link_clicks import LinkClicks
from store.links import Clicks, CodeTaken, Link
from store.timeouts import WEB
from tests.harness.database_proxy import DatabaseProxy, database_proxy
from tests.harness.waiting import wait_until
from tests.integration.store.ledger import Ledger, together

NEVER = 1e6
"""So that only the test writes."""
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def proxy(database_url: str, free_port: int) -> Iterator[DatabaseProxy]:
    with database_proxy(database_url, free_port) as proxy:
        yield proxy


@pytest.fixture
def own(proxy: DatabaseProxy) -> Iterator[Database]:
    """The pool of the process that counts, through the proxy."""
    database = open_database(proxy.url, size=1, name="counting", timeouts=replace(WEB, probe_after=0.2))
    yield database
    proxy.is_silent = False
    database.close()


def make_links(ledger: Ledger, count: int) -> list[str]:
    """Stores links of a message, and returns their codes."""
    church_id = ledger.church()
    codes = [new_code() for _ in range(count)]
    message_id = ledger.query("SELECT uuidv7()")[0][0]
    with church_scope(ledger.database, church_id) as connection:
        urls = {f"https://s.example/l/{code}": f"https://a.example/{code}" for code in codes}
        links.set_of_message(connection, church_id=church_id, message_id=message_id, urls=urls, send_at=None)
    return codes


def total(ledger: Ledger) -> int:
    return ledger.query("SELECT coalesce(sum(clicks), 0)::int FROM links")[0][0]


def all_links(ledger: Ledger) -> list[Link]:
    [(church_id, message_id)] = ledger.query("SELECT DISTINCT church_id, message_id FROM links")
    with church_scope(ledger.database, church_id) as connection:
        return links.of_message(connection, church_id=church_id, message_id=message_id)


def test_clicks_of_many_processes_and_threads_add_up(ledger: Ledger) -> None:
    codes = make_links(ledger, 5)
    counters = [LinkClicks(ledger.database, every_seconds=0.01) for _ in range(4)]

    def click(number: int) -> None:
        for n in range(50):
            counters[number % len(counters)].count(codes[(n + number) % len(codes)])

    together(8, click)
    for counter in counters:
        counter.close()
        counter.close()

    assert total(ledger) == 400


def test_writers_that_add_to_the_same_links_in_other_orders_do_not_deadlock(ledger: Ledger) -> None:
    codes = make_links(ledger, 40)
    once = Clicks(clicks=1, first_at=NOW, last_at=NOW)

    def add(number: int) -> None:
        for _ in range(20):
            with system_scope(ledger.database) as connection:
                links.add_clicks(connection, dict.fromkeys(codes if number % 2 else codes[::-1], once))

    together(4, add)

    assert total(ledger) == 40 * 4 * 20


def test_the_first_and_the_last_click_are_kept(ledger: Ledger) -> None:
    [code] = make_links(ledger, 1)
    hour = timedelta(hours=1)

    for first, last in ((NOW, NOW + hour), (NOW - hour, NOW), (NOW, NOW)):
        with system_scope(ledger.database) as connection:
            links.add_clicks(connection, {code: Clicks(clicks=2, first_at=first, last_at=last)})

    [link] = all_links(ledger)
    assert (link.clicks, link.first_clicked_at, link.last_clicked_at) == (6, NOW - hour, NOW + hour)


def test_ten_thousand_clicks_are_one_update_of_one_row_in_place(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = make_links(ledger, 2)
    counter = LinkClicks(ledger.database, every_seconds=NEVER)
    updates: list[tuple[int, int]] = []
    add_clicks = links.add_clicks

    def add_and_look(connection: Connection[Any], clicks: Mapping[str, Clicks]) -> None:
        add_clicks(connection, clicks)
        updates.extend(
            connection.execute(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'links'"
            ).fetchall()
        )

    monkeypatch.setattr(links, "add_clicks", add_and_look)
    for _ in range(10_000):
        counter.count(codes[0])
    counter.close()

    assert total(ledger) == 10_000
    assert updates == [(1, 1)]


def test_counting_waits_for_no_message_and_no_sender(ledger: Ledger) -> None:
    """And so sending does not wait for clicks either."""
    [code] = make_links(ledger, 1)
    counter = LinkClicks(ledger.database, every_seconds=NEVER)
    message = ledger.send(ledger.church(), ["+12025550000"])
    ledger.query("UPDATE links SET message_id = %(id)s", id=message.message_id)
    counter.count(code)
    with system_scope(ledger.database) as connection:
        connection.execute("LOCK messages, deliveries, senders, churches, message_totals IN SHARE ROW EXCLUSIVE MODE")
        counter.write()

    assert total(ledger) == 1


def test_clicks_wait_while_postgresql_is_away(own: Database, proxy: DatabaseProxy, ledger: Ledger) -> None:
    [code] = make_links(ledger, 1)
    counter = LinkClicks(own, every_seconds=NEVER)
    counter.count(code)
    proxy.is_silent = True
    counter.write()
    counter.count(code)
    assert total(ledger) == 0

    proxy.is_silent = False
    wait_until(lambda: (counter.write(), total(ledger))[1] == 2)
    counter.close()


def test_links_that_are_counted_at_once_are_limited(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = make_links(ledger, 3)
    monkeypatch.setattr(link_clicks, "MOST_LINKS", 2)
    counter = LinkClicks(ledger.database, every_seconds=NEVER)

    for code in (*codes, codes[0]):
        counter.count(code)
    counter.close()

    assert total(ledger) == 3


def test_clicks_of_a_link_that_is_gone_change_nothing(ledger: Ledger) -> None:
    codes = make_links(ledger, 2)
    counter = LinkClicks(ledger.database, every_seconds=NEVER)
    for code in codes:
        counter.count(code)
    ledger.query("DELETE FROM links WHERE code = %(code)s", code=codes[0])

    counter.close()

    assert total(ledger) == 1


def test_a_code_never_moves_to_another_message(ledger: Ledger) -> None:
    [code] = make_links(ledger, 1)
    church_id: UUID = ledger.query("SELECT church_id FROM links")[0][0]
    other = ledger.query("SELECT uuidv7()")[0][0]

    with pytest.raises(CodeTaken), church_scope(ledger.database, church_id) as connection:
        urls = {f"https://s.example/l/{code}": "https://evil.example"}
        links.set_of_message(connection, church_id=church_id, message_id=other, urls=urls, send_at=None)

    assert links.find(ledger.database, code) == links.FoundLink(url=f"https://a.example/{code}", works=True)


def test_looking_up_a_link_does_not_widen_the_scope(ledger: Ledger) -> None:
    [code] = make_links(ledger, 1)

    with church_scope(ledger.database, ledger.church()) as connection:
        assert connection.execute("SELECT works FROM find_link(%s)", (code,)).fetchone() == (True,)
        assert connection.execute("SELECT count(*) FROM links").fetchone() == (0,)
