"""Every change with a key is in the audit, in the transaction of the change; a church sees its own entries only."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from api import keys
from api.endpoints import Endpoint
from store import api_keys, audit
from store.audit import Actor, AuditEvent
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch, add_contacts, another_key
from tests.integration.api.test_api_authentication import GUARDED, Call, FirstChurch, ValidRequest

_ONLY_READ = {"preview_message", "preview_group"}
_RECORDED_READING = {"export_contacts"}
"""Everybody of a church leaves the service: that is recorded."""
CHANGING = [
    endpoint
    for endpoint in GUARDED
    if (endpoint.method != "GET" or endpoint.name in _RECORDED_READING) and endpoint.name not in _ONLY_READ
]
READING = [endpoint for endpoint in GUARDED if endpoint not in CHANGING]


def _remove_member(first: FirstChurch) -> ValidRequest:
    members = {"contactIds": [str(first.contact)]}
    first.post(f"/api/groups/{first.group}/members", json=members)
    return ValidRequest(ids={"group_id": first.group}, body=members)


NOT_DONE_BEFORE: dict[str, Callable[[FirstChurch], ValidRequest]] = {
    "create_group": lambda _: ValidRequest(body={"name": "Another group"}),
    "create_template": lambda _: ValidRequest(body={"name": "Another template", "content": "For us alone"}),
    "remove_group_members": _remove_member,
}
"""Requests instead of those that change nothing, because what they ask for is so already."""


def events_of(database: Database, church_id: UUID) -> list[AuditEvent]:
    with system_scope(database) as connection:
        return audit.list_events(connection, church_id=church_id, limit=1000)


def key_id(database: Database, key: str) -> str:
    holder = api_keys.find_holder(database, keys.hash_key(key))
    assert holder is not None
    return str(holder.api_key_id)


def listed(client: FlaskClient, church: KnownChurch, **query: str) -> dict[str, Any]:
    answer = client.get("/api/audit", headers=church.bearer, query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def accept(client: FlaskClient, church: KnownChurch, **fields: Any) -> str:
    body = {"churchId": str(church.church_id), "content": "For us alone", "targetType": "all", **fields}
    answer = client.post("/api/messages/send", json=body, headers=church.bearer)
    assert answer.status_code == 202, answer.text
    return answer.get_json()["id"]


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


# --- what is recorded -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", CHANGING, ids=lambda endpoint: endpoint.name)
def test_every_change_is_recorded_with_the_key_that_made_it(
    endpoint: Endpoint, client: FlaskClient, database: Database, church: KnownChurch
) -> None:
    """The endpoints come from the endpoint table, so that one which records nothing fails here."""
    first = FirstChurch(client, database, church)
    call = Call(endpoint, first)
    if endpoint.name in NOT_DONE_BEFORE:
        call.request = NOT_DONE_BEFORE[endpoint.name](first)
    used = another_key(database, church.church_id, scopes=keys.SCOPES)
    before = len(events_of(database, church.church_id))

    call.assert_succeeds({"Authorization": f"Bearer {used}"})

    added = events_of(database, church.church_id)
    added = added[: len(added) - before]
    assert added, "nothing was recorded"
    assert {(event.actor_kind, event.actor, event.actor_label) for event in added} == {
        ("key", key_id(database, used), "test")
    }
    assert "For us alone" not in str(added)
    assert "Changed" not in str(added)
    assert "+1202555" not in str(added)


@pytest.mark.parametrize("endpoint", READING, ids=lambda endpoint: endpoint.name)
def test_reading_records_nothing(
    endpoint: Endpoint, client: FlaskClient, database: Database, church: KnownChurch
) -> None:
    call = Call(endpoint, FirstChurch(client, database, church))
    before = events_of(database, church.church_id)

    call.assert_succeeds(church.bearer)

    assert events_of(database, church.church_id) == before


@pytest.mark.parametrize("change", ["pause", "cancel"])
def test_a_repeated_change_is_recorded_once(
    change: str, client: FlaskClient, database: Database, church: KnownChurch
) -> None:
    first = FirstChurch(client, database, church)
    path = f"/api/messages/{first.message.message_id}/{change}"

    for _ in range(2):
        first.post(path)

    [event] = events_of(database, church.church_id)
    assert event.subject == str(first.message.message_id)


def test_a_send_repeated_with_its_idempotency_key_is_recorded_once(
    client: FlaskClient, database: Database, church: KnownChurch
) -> None:
    body = {"churchId": str(church.church_id), "content": "Sunday", "targetType": "all"}
    for _ in range(2):
        client.post("/api/messages/send", json=body, headers=church.bearer | {"Idempotency-Key": "sunday"})

    [event] = events_of(database, church.church_id)
    assert (event.action, event.details) == ("message.accepted", {"channel": "sms", "targetType": "all"})


def test_a_change_that_is_refused_after_it_was_written_leaves_no_entry(
    client: FlaskClient, database: Database, church: KnownChurch, other_church: KnownChurch
) -> None:
    """The message is inserted, together with its entry, before its recipients are checked."""
    [theirs] = add_contacts(database, other_church.church_id, count=1)
    body = {
        "churchId": str(church.church_id),
        "content": "Hello",
        "targetType": "contacts",
        "contactIds": [str(theirs)],
    }

    answer = client.post("/api/messages/send", json=body, headers=church.bearer)

    assert answer.status_code == 422
    assert events_of(database, church.church_id) == []


def test_an_edit_records_the_names_of_the_fields_only(
    client: FlaskClient, database: Database, church: KnownChurch
) -> None:
    message_id = accept(client, church, sendAt=tomorrow())
    edit = {"content": "A new text", "targetType": "numbers", "phoneNumbers": ["+12025550123"]}

    answer = client.patch(f"/api/messages/{message_id}", json=edit, headers=church.bearer)

    assert answer.status_code == 200, answer.text
    assert events_of(database, church.church_id)[0].details == {"fields": ["content", "phoneNumbers", "targetType"]}


# --- GET /api/audit ---------------------------------------------------------------------------------------------------


def test_a_church_sees_its_own_entries_in_pages_newest_first(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch
) -> None:
    accepted = [accept(client, church) for _ in range(3)]
    accept(client, other_church)

    page = listed(client, church, limit="2")
    rest = listed(client, church, limit="2", cursor=page["next"])

    assert [entry["subject"] for entry in page["items"] + rest["items"]] == accepted[::-1]
    assert rest["next"] is None


def test_the_entries_of_one_subject_are_listed(client: FlaskClient, church: KnownChurch) -> None:
    message_id = accept(client, church, sendAt=tomorrow())
    accept(client, church)
    client.post(f"/api/messages/{message_id}/cancel", headers=church.bearer)

    entries = listed(client, church, subject=message_id)["items"]

    assert [entry["action"] for entry in entries] == ["message.canceled", "message.accepted"]
    assert entries[0]["actor"]["keyLabel"] == "test"


def test_the_subject_of_another_church_shows_nothing(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch
) -> None:
    theirs = accept(client, other_church)

    assert listed(client, church, subject=theirs)["items"] == []


def test_a_church_does_not_see_who_runs_the_service(
    client: FlaskClient, database: Database, church: KnownChurch
) -> None:
    with system_scope(database) as connection:
        for actor in (Actor(kind="operator", name="ruth"), Actor(kind="command", name="amos@host-1.internal")):
            audit.record(connection, actor=actor, action="sender.resumed", subject="sms", church_id=church.church_id)
        audit.record(connection, actor=Actor(kind="operator", name="ruth"), action="operator.logged_in", subject="ruth")

    answer = client.get("/api/audit", headers=church.bearer)

    assert [entry["actor"]["kind"] for entry in answer.get_json()["items"]] == ["command", "operator"]
    assert not any(name in answer.text for name in ("ruth", "amos", "host-1"))


def test_a_key_made_before_the_scope_existed_does_not_get_it(
    client: FlaskClient, database: Database, church: KnownChurch
) -> None:
    former = another_key(
        database, church.church_id, scopes=["messages:write", "messages:read", "contacts:write", "contacts:read"]
    )

    answer = client.get("/api/audit", headers={"Authorization": f"Bearer {former}"})

    assert answer.status_code == 403
    assert json.loads(answer.text)["detail"] == "The key lacks the scope audit:read."
