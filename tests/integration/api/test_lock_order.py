"""All requests lock the church before its schedules, groups and fields, so that no two of them deadlock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from store import contacts
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch
from tests.harness.waiting import wait_until
from tests.integration.api.test_api_contacts import add
from tests.integration.api.test_api_field_references import waiting_for_a_lock
from tests.integration.api.test_api_groups import create

Send = Callable[[FlaskClient, KnownChurch, str, str], Any]


def change_schedule(client: FlaskClient, church: KnownChurch, group_id: str, schedule_id: str) -> Any:
    body = {"targetType": "groups", "groupIds": [group_id], "content": "See you in {{campus}}"}
    return client.patch(f"/api/schedules/{schedule_id}", json=body, headers=church.bearer)


def create_schedule(client: FlaskClient, church: KnownChurch, group_id: str, _: str) -> Any:
    return client.post("/api/schedules", json=a_schedule(church, group_id), headers=church.bearer)


def create_template(client: FlaskClient, church: KnownChurch, *_: str) -> Any:
    body = {"name": "campus", "content": "See you in {{campus}}"}
    return client.post("/api/templates", json=body, headers=church.bearer)


def delete_field(client: FlaskClient, church: KnownChurch, *_: str) -> Any:
    return client.delete("/api/contact-fields/campus", headers=church.bearer)


def delete_group(client: FlaskClient, church: KnownChurch, group_id: str, _: str) -> Any:
    return client.delete(f"/api/groups/{group_id}", headers=church.bearer)


def a_schedule(church: KnownChurch, group_id: str) -> dict[str, Any]:
    return {
        "churchId": str(church.church_id),
        "content": "See you in {{campus}}",
        "targetType": "groups",
        "groupIds": [group_id],
        "recurrence": {"cron": "0 9 * * SUN"},
    }


@pytest.mark.parametrize("send", [change_schedule, create_schedule, create_template, delete_field, delete_group])
def test_a_request_that_waits_for_the_church_has_locked_nothing_of_it(
    send: Send, app: Flask, client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    add(client, church, {"name": "Ruth Bell", "phone": "+12025550123", "fields": {"campus": "North"}})
    group_id, other_id = create(client, church, "North"), create(client, church, "Others")
    made = client.post("/api/schedules", json=a_schedule(church, other_id), headers=church.bearer)
    schedule_id = made.get_json()["id"]
    with ThreadPoolExecutor(1) as threads:
        with system_scope(database) as connection:
            contacts.lock_church(connection, church.church_id)
            request = threads.submit(send, app.test_client(), church, group_id, schedule_id)
            wait_until(lambda: waiting_for_a_lock(database), timeout_seconds=30)
            for table in ("schedules", "groups", "contact_fields"):
                connection.execute(f"SELECT FROM {table} FOR UPDATE NOWAIT".encode())
        answer = request.result(timeout=60)

    assert answer.status_code in (200, 201, 204, 409), answer.text
