"""Every named query can be planned; the hot ones never read a whole table in a large database."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, LiteralString

import psycopg
import pytest

from messaging.group_conditions import parse_condition
from store.condition_sql import Calendar, compile_condition
from store.database import church_scope, system_scope
from tests.harness.named_queries import QUERIES
from tests.integration.store.ledger import Ledger

HOT = (
    "alert_measurements.count_awaiting_receipts",
    "alert_measurements.count_long_in_doubt",
    "alert_measurements.list_paused_senders",
    "audit.page_events",
    "audit.page_events_of_actor",
    "audit.page_events_of_church",
    "audit.page_events_of_subject",
    "audiences.count_recipients",
    "audiences.list_recipients",
    "analytics.page_counted_messages",
    "analytics.sum_opt_outs",
    "analytics.sum_totals",
    "consent.find_opt_outs_of",
    "consent.latest_events",
    "consent.list_opt_outs_before",
    "conversations.count_unread",
    "conversations.find_conversation",
    "conversations.find_conversation_of_address",
    "conversations.find_horizon",
    "conversations.page_conversations",
    "conversations.page_history",
    "conversations.wrote_since",
    "daily_limits.reserve",
    "received_messages.find_contacts_of_numbers",
    "received_messages.get_inbound",
    "received_messages.page_inbound",
    "received_messages.page_inbound_of_address",
    "received_messages.page_unread",
    "received_messages.set_read",
    "received_messages.set_read_up_to",
    "messages.insert_message",
    "contact_changes.delete_contacts",
    "contact_changes.find_same_person",
    "contact_fields.delete_field_values",
    "contact_fields.list_contact_fields",
    "contact_fields.set_contact_fields",
    "contact_search.search_contacts",
    "contacts.get_contacts",
    "contacts.page_contacts",
    "contacts.page_member_ids",
    "contacts.unknown_contacts",
    "daily_limits.count_fitting",
    "import_retention.find_rows_of_contacts",
    "import_rows.take_people",
    "import_rows.undo_rows",
    "daily_limits.fail_deliveries_beyond_limit",
    "daily_limits.measure_all",
    "daily_limits.measure_contacts",
    "daily_limits.measure_groups",
    "groups.add_members",
    "groups.count_members",
    "references.find_references_of_group",
    "groups.list_groups_of_contact",
    "groups.list_target_groups",
    "groups.page_groups",
    "groups.remove_members",
    "church_overview.list_open_messages",
    "claims.claim",
    "claims.due_churches",
    "claims.lock_ready_senders",
    "deliveries.expire_leases",
    "direct_texts.move_due_first",
    "direct_texts.write_delivery",
    "due_work.count_due_deliveries",
    "due_work.count_due_messages",
    "due_work.count_in_doubt",
    "due_work.count_in_flight",
    "due_work.count_unapplied_receipts",
    "deliveries.find_id_conflicts",
    "deliveries.store_acceptances_as_receipts",
    "deliveries.page_deliveries",
    "deliveries.record_results",
    "message_lifecycle.complete_messages",
    "message_lifecycle.lock_completable_of",
    "message_totals.count_due_messages",
    "message_totals.take_recount_requests",
    "messages.count_deliveries",
    "message_expansion.expand_messages",
    "message_expansion.lock_due_messages",
    "messages.find_by_idempotency_key",
    "metric_readings.late_claims",
    "metric_readings.oldest_deliveries",
    "metric_readings.oldest_receipt",
    "metric_readings.waiting_senders",
    "message_expansion.find_unlocated_numbers",
    "paced_senders.set_next_claims",
    "paced_senders.seconds_to_next_claim",
    "messages.page_messages",
    "inbox.find_church_of_contact",
    "inbox.find_last_texter",
    "opt_outs.opt_out_of_senders_of_deliveries",
    "message_story.count_attempts",
    "message_story.count_groups",
    "message_story.count_receipts",
    "message_story.list_receipts",
    "message_progress.get_progress",
    "message_progress.preview_addresses",
    "message_progress.preview_all_emails",
    "message_progress.preview_all_phones",
    "message_progress.preview_contacts",
    "message_progress.preview_groups",
    "requeue_outlook.read_outlooks",
    "suspensions.count_waiting",
    "links.add_clicks",
    "links.delete_dead_links",
    "links.list_links",
    "links.set_links",
    "previews.get_circumstances",
    "previews.preview_recipients",
    "people.delete_contacts",
    "people.delete_conversations",
    "people.erase_deliveries",
    "people.erase_direct_texts",
    "people.erase_inbound_messages",
    "people.find_inbound_messages",
    "people.find_contacts",
    "people.find_deliveries",
    "retention.begin_pruning",
    "retention.delete_conversations",
    "retention.redact_inbound_messages",
    "retention.delete_deliveries",
    "retention.delete_receipts",
    "retention.find_doubts",
    "retention.finish_pruning",
    "retention.redact_deliveries",
    "retention.redact_messages",
    "receipts.apply_receipts",
    "receipts.has_unapplied",
    "receipts.insert_receipts",
    "receipts.find_contested_ids",
    "receipts.move_receipts_to_holders",
    "reconciliation.put_holders_in_doubt",
    "reconciliation.record_found",
    "reconciliation.record_missing",
    "reconciliation.clear_settled_at_of_holders",
)
LARGE = {
    "audit_events",
    "contacts",
    "conversations",
    "deliveries",
    "group_members",
    "inbound_messages",
    "links",
    "message_totals",
    "receipts",
}
_SMALL = {
    "deliveries_doubtful",
    "deliveries_due",
    "deliveries_in_doubt_since",
    "deliveries_leased",
    "deliveries_open",
    "messages_direct_open",
    "receipts_unapplied",
    "receipts_waiting",
}

FILL = """
INSERT INTO churches (name) SELECT 'Church ' || n FROM generate_series(1, 100) AS n;
INSERT INTO senders (church_id, channel, address) SELECT church_id, 'sms', '+15005550006' FROM churches;
INSERT INTO contacts (church_id, name, phone)
SELECT church_id, 'Person', '+1202' || (5000000 + n) FROM churches, generate_series(1, 200) AS n;
INSERT INTO churches (name) SELECT 'Small church ' || n FROM generate_series(1, 1400) AS n;
INSERT INTO senders (church_id, channel, address)
SELECT church_id, 'sms', '+15005550006' FROM churches WHERE name LIKE 'Small %';
INSERT INTO groups (church_id, name) SELECT church_id, 'Group ' || n FROM churches, generate_series(1, 5) AS n;
INSERT INTO group_members (group_id, contact_id, church_id)
SELECT group_id, contact_id, church_id FROM groups JOIN contacts USING (church_id);
INSERT INTO messages (
    church_id, channel, content, segments, target_type, target, request_hash, request_id, send_at, expanded_at,
    completed_at
)
SELECT church_id, 'sms', 'Amen', 1, 'all', '{}', '', 'r', now() - n * interval '1 day', now(), now()
FROM churches, generate_series(1, 4) AS n;
INSERT INTO deliveries (message_id, church_id, contact_id, due_at, status, attempts, channel, address, carrier_id)
SELECT message_id, church_id, contact_id, send_at, 'delivered', 1, 'sms', phone, 'SM' || uuidv7()
FROM messages JOIN contacts USING (church_id);
INSERT INTO inbound_messages (church_id, channel, carrier_id, from_address, to_address, content, read_at)
SELECT church_id, 'sms', 'SM' || contact_id || n, phone, '+15005550006', 'Amen', now()
FROM contacts, generate_series(1, 4) AS n;
INSERT INTO message_totals (message_id, church_id, channel, send_at, status, reason, deliveries, segments)
SELECT uuidv7(), church_id, channel, send_at - n * interval '1 hour', 'delivered', '', 1, 1
FROM messages, generate_series(1, 50) AS n;
INSERT INTO receipts (delivery_id, attempt, carrier_id, status, applied_at)
SELECT delivery_id, 1, 'SM' || delivery_id, 'delivered', now() FROM deliveries;
INSERT INTO links (code, church_id, message_id, position, short_url, url, expires_at)
SELECT translate(right(delivery_id::text, 12), '01', 'xy'), church_id, message_id, 1, 'https://s.example', 'https://a.example',
       now()
FROM deliveries
ON CONFLICT DO NOTHING;
INSERT INTO audit_events (church_id, actor_kind, actor, action, subject)
SELECT church_id, 'key', church_id::text, 'message.accepted', delivery_id::text FROM deliveries;
"""


def plan(connection: psycopg.Connection, query: str, form: str) -> Any:
    """Returns the generic plan, which a prepared statement may use for any parameters."""
    places: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in places:
            places.append(found[1])
        return f"${places.index(found[1]) + 1}"

    numbered = re.sub(r"%\((\w+)\)s", number, query)
    row = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT {form}) {numbered}".encode()).fetchone()
    assert row is not None
    return row[0]


def read_whole(node: Any) -> set[str]:
    """Returns the large tables that a plan reads completely: row by row, or through an index without a condition."""
    found: set[str] = set()
    if node["Node Type"] == "Seq Scan" or (
        # Partial indexes of unfinished rows are small and may be read completely.
        node["Node Type"] in {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}
        and "Index Cond" not in node
        and node["Index Name"] not in _SMALL
    ):
        found.add(node.get("Relation Name") or node["Index Name"].split("_")[0])
    for child in node.get("Plans", ()):
        found |= read_whole(child)
    return found & LARGE


def unbounded_pages(plans: dict[str, Any]) -> set[str]:
    """Returns the paging queries whose index scan is not bounded by the start of the page."""
    pages = {name: str(whole) for name, whole in plans.items() if ".page_" in name}
    return {
        name for name, whole in pages.items() if not re.search(r"'Index Cond': '[^']*_id([)]|) [<>] (ROW[(])?\$", whole)
    }


@pytest.mark.parametrize("name", QUERIES)
def test_every_named_query_can_be_planned(name: str, ledger: Ledger) -> None:
    with system_scope(ledger.database) as connection:
        assert plan(connection, QUERIES[name], "TEXT")


@pytest.mark.timeout(60)
def test_the_hot_queries_read_no_whole_table_of_a_large_database(ledger: Ledger, superuser_database_url: str) -> None:
    """All deliveries have the same status, so that the planner's statistics know no other."""
    with system_scope(ledger.database) as connection:
        connection.execute(FILL.encode())
    with psycopg.connect(superuser_database_url, autocommit=True) as superuser:
        superuser.execute("VACUUM ANALYZE")

    with system_scope(ledger.database) as connection:
        plans = {name: plan(connection, QUERIES[name], "JSON") for name in HOT}

    assert unbounded_pages(plans) == set()
    assert {name: tables for name, [whole] in plans.items() if (tables := read_whole(whole["Plan"]))} == {}


@pytest.mark.timeout(60)
def test_a_smart_group_reads_only_the_contacts_of_its_church(ledger: Ledger, superuser_database_url: str) -> None:
    """Whatever its condition: fields are not indexed, so all contacts of the church are read, and no others."""
    with system_scope(ledger.database) as connection:
        connection.execute(FILL.encode())
    with psycopg.connect(superuser_database_url, autocommit=True) as superuser:
        superuser.execute("VACUUM ANALYZE")
    [(church_id, group_id)] = ledger.query("SELECT church_id, group_id FROM groups LIMIT 1")
    listed = {"inGroup": str(group_id)}
    explained: LiteralString = (
        "EXPLAIN (FORMAT JSON) SELECT contact_id FROM contacts WHERE contacts.church_id = %s AND "
    )
    conditions: list[Any] = [
        {"field": "campus", "equals": "North"},
        {"not": {"field": "firstName", "contains": "r"}},
        {"any": [listed, {"addedSince": {"daysAgo": 3}}, {"field": "joined", "after": "2024-05-01"}]},
        {"all": [{"field": "email", "isSet": False}, listed]},
        {"not": listed},
    ]

    with church_scope(ledger.database, church_id) as connection:
        for condition in conditions:
            compiled = compile_condition(
                parse_condition(condition),
                calendar=Calendar(today=date(2026, 1, 1), time_zone="UTC"),
                condition_of=lambda _: None,
            )
            query = explained + compiled.text
            row = connection.execute(query, [church_id, *compiled.values]).fetchone()
            assert row is not None
            assert read_whole(row[0][0]["Plan"]) == set(), condition


def test_setting_the_next_claims_of_thousands_of_senders_joins_them_with_nothing(ledger: Ledger) -> None:
    """As a nested loop, made when the table was small, the join took minutes for 15,000 churches."""
    with system_scope(ledger.database) as connection:
        found = str(plan(connection, QUERIES["paced_senders.set_next_claims"], "JSON"))

    assert "Join" not in found
    assert "'Node Type': 'Nested Loop'" not in found
