"""What a page of a conversation reads does not grow with the deliveries, nor with what others wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from store.database import system_scope
from tests.harness.named_queries import QUERIES
from tests.integration.store.ledger import Ledger
from tests.integration.store.test_queries import FILL, plan


def scans(node: Any) -> Iterator[tuple[str, str]]:
    """The index of each scan, with its condition."""
    if "Index Name" in node:
        yield node["Index Name"], node.get("Index Cond", "")
    elif node["Node Type"] == "Seq Scan":
        yield f"all of {node['Relation Name']}", ""
    for child in node.get("Plans", ()):
        yield from scans(child)


@pytest.fixture
def filled(ledger: Ledger, superuser_database_url: str) -> Ledger:
    with system_scope(ledger.database) as connection:
        connection.execute(FILL.encode())
    with psycopg.connect(superuser_database_url, autocommit=True) as superuser:
        superuser.execute("VACUUM ANALYZE")
    return ledger


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        (
            "conversations.page_history",
            {
                "messages_broadcasts_by_time",
                "inbound_messages_of_address",
                "messages_of_conversation",
                "deliveries_of_address",
            },
        ),
        ("conversations.find_horizon", {"messages_broadcasts_by_time"}),
        ("received_messages.page_inbound", {"inbound_messages_page"}),
        ("received_messages.page_replies", {"inbound_messages_replies"}),
        ("received_messages.page_unread", {"inbound_messages_unread"}),
        ("received_messages.page_unread_of_address", {"inbound_messages_unread_of_address"}),
        ("received_messages.set_read_up_to", {"inbound_messages_unread_of_address", "inbound_messages_pkey"}),
        ("received_messages.page_inbound_of_address", {"inbound_messages_of_address"}),
        ("direct_texts.move_due_first", {"messages_direct_open", "deliveries_pkey"}),
    ],
)
def test_each_part_is_a_range_of_an_index(query: str, indexes: set[str], filled: Ledger) -> None:
    with system_scope(filled.database) as connection:
        [found] = plan(connection, QUERIES[query], "JSON")

    read = {name for name, _ in scans(found["Plan"])}
    assert indexes <= read
    assert not [name for name in read if name.startswith("all of")]


@pytest.mark.parametrize(
    "query",
    [
        "conversations.page_history",
        "people.find_deliveries",
        "people.erase_deliveries",
        "reconciliation.find_carrier_id_owners",
    ],
)
def test_who_looks_for_an_address_in_a_message_does_not_read_all_of_its_deliveries(query: str, filled: Ledger) -> None:
    """Behind row security, only conditions of leakproof functions are looked up in an index."""
    with system_scope(filled.database) as connection:
        [found] = plan(connection, QUERIES[query], "JSON")

    conditions = [condition for name, condition in scans(found["Plan"]) if name == "deliveries_of_address"]
    assert any("message_id" in condition and "address" in condition for condition in conditions), conditions
