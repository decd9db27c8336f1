"""A field of contacts is not deleted while a message, a schedule, a smart group or a template needs it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection
from werkzeug.test import TestResponse

from api.messages import sending_checks
from messaging.addresses import AddressKind
from store import message_expansion
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch
from tests.harness.waiting import wait_until
from tests.integration.api.test_api_contacts import add
from tests.integration.api.test_api_preview import SEND, execute
from tests.integration.api.test_api_smart_groups import make

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
RULE = {"recurrence": {"cron": "0 9 * * SUN"}}
MERGED = "See you in {{campus|town}}"


@pytest.fixture(autouse=True)
def contact(client: FlaskClient, church: KnownChurch) -> None:
    fields = {"campus": "North", "firstName": "Ruth"}
    add(client, church, {"name": "Ruth Ames", "phone": "+12025550100", "fields": fields})


def post(client: FlaskClient, church: KnownChurch, path: str, **body: Any) -> TestResponse:
    body = {"churchId": str(church.church_id), "content": MERGED, "targetType": "all", **body}
    return client.post(path, json=body, headers=church.bearer)


def create(client: FlaskClient, church: KnownChurch, path: str, **body: Any) -> str:
    answer = post(client, church, path, **body)
    assert answer.status_code in (201, 202), answer.text
    return answer.get_json()["id"]


def template(client: FlaskClient, church: KnownChurch, **body: Any) -> str:
    body = {"name": "Sunday", "content": MERGED, **body}
    answer = client.post("/api/templates", json=body, headers=church.bearer)
    assert answer.status_code == 201, answer.text
    return answer.get_json()["id"]


def delete(client: FlaskClient, church: KnownChurch, name: str = "campus") -> TestResponse:
    return client.delete(f"/api/contact-fields/{name}", headers=church.bearer)


def test_a_field_is_deleted_once_nothing_needs_it(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    message = create(client, church, SEND, sendAt=TOMORROW)
    schedule = create(client, church, "/api/schedules", **RULE)
    group = make(client, church, "North", {"field": "campus", "equals": "North"})
    text = template(client, church)
    mail = template(client, church, name="Mail", channel="mail", content="Hi", subject="To {{ campus }}")
    ends: list[tuple[str, Callable[[], Any]]] = [
        (f"message {message}", lambda: client.post(f"/api/messages/{message}/cancel", headers=church.bearer)),
        (f"schedule {schedule}", lambda: client.delete(f"/api/schedules/{schedule}", headers=church.bearer)),
        (f"group {group}", lambda: client.delete(f"/api/groups/{group}", headers=church.bearer)),
        (f"template {text}", lambda: client.delete(f"/api/templates/{text}", headers=church.bearer)),
        (
            f"template {mail}",
            lambda: client.patch(f"/api/templates/{mail}", json={"subject": "To all"}, headers=church.bearer),
        ),
    ]
    needing = [name for name, _ in ends]
    for name, end in ends:
        refused = delete(client, church)
        assert (refused.status_code, refused.get_json()["type"]) == (409, "/docs#problem-in-use")
        assert refused.get_json()["detail"] == f"The field is needed by {', '.join(f'the {each}' for each in needing)}."
        assert end().status_code in (200, 204)
        needing.remove(name)

    assert delete(client, church).status_code == 204
    assert execute(database, "SELECT fields FROM contacts") == [({"firstName": "Ruth"},)]


def test_a_paused_message_and_a_paused_schedule_need_it_and_written_deliveries_do_not(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    message = create(client, church, SEND, sendAt=TOMORROW)
    schedule = create(client, church, "/api/schedules", **RULE)
    for path in (f"messages/{message}", f"schedules/{schedule}"):
        assert client.post(f"/api/{path}/pause", headers=church.bearer).status_code == 200

    refused = delete(client, church)
    client.delete(f"/api/schedules/{schedule}", headers=church.bearer)
    execute(database, "UPDATE messages SET send_at = now(), paused_at = NULL")
    with system_scope(database) as connection:
        message_expansion.expand(
            connection, message_ids=[UUID(message)], address_kind=AddressKind.PHONE, keeps_quiet_hours=False
        )

    assert f"the message {message}, the schedule {schedule}." in refused.get_json()["detail"]
    assert delete(client, church).status_code == 204


def test_what_others_need_and_what_only_looks_alike_does_not_matter(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch
) -> None:
    add(client, other_church, {"name": "Amos", "phone": "+12025550100", "fields": {"campus": "South"}})
    add(client, church, {"name": "Amos", "phone": "+12025550101", "fields": {"campusName": "South"}})
    create(client, other_church, SEND, sendAt=TOMORROW)
    template(client, other_church)
    create(client, church, SEND, sendAt=TOMORROW, content=r"campus, \{{campus}} and {{campusName|campus}}")
    template(client, church, content=r"campus, \{{campus}} and {{campusName|campus}}")

    assert delete(client, church).status_code == 204
    assert delete(client, church, "campusName").status_code == 409


def test_a_first_name_of_its_own_is_deleted_although_texts_need_it(client: FlaskClient, church: KnownChurch) -> None:
    """It follows from the name then. A smart group would have other members."""
    create(client, church, SEND, sendAt=TOMORROW, content="Hi {{firstName}}")
    group = make(client, church, "Ruths", {"field": "firstName", "equals": "Ruth"})

    refused = delete(client, church, "firstName")
    client.delete(f"/api/groups/{group}", headers=church.bearer)

    assert refused.get_json()["detail"] == f"The field is needed by the group {group}."
    assert delete(client, church, "firstName").status_code == 204


def waiting_for_a_lock(database: Database) -> bool:
    with system_scope(database) as connection:
        row = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return row != (0,)


@contextmanager
def stopped_after_the_checks(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> Generator[None]:
    """Call `then` in each request after its merge fields were checked, before it commits."""
    check = sending_checks.merge_field_errors

    def check_and_wait(connection: Connection[Any], *arguments: Any, **options: Any) -> Any:
        found = check(connection, *arguments, **options)
        then()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(sending_checks, "merge_field_errors", check_and_wait)
        yield


@pytest.mark.parametrize(("path", "body"), [(SEND, {"sendAt": TOMORROW}), ("/api/schedules", RULE)])
def test_a_deletion_waits_for_what_is_being_accepted(
    app: Flask,
    church: KnownChurch,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    body: dict[str, Any],
) -> None:
    """The deletion begins before the text is committed, and must see it nevertheless."""
    with ThreadPoolExecutor(1) as threads:
        deletions = list[Any]()

        def begin_the_deletion() -> None:
            deletions.append(threads.submit(delete, app.test_client(), church))
            wait_until(lambda: waiting_for_a_lock(database) or deletions[0].done(), timeout_seconds=30)

        with stopped_after_the_checks(monkeypatch, begin_the_deletion):
            accepted = post(app.test_client(), church, path, **body)
        refused = deletions[0].result(timeout=60)

    assert (accepted.status_code in (201, 202), refused.status_code) == (True, 409), refused.text
    assert accepted.get_json()["id"] in refused.get_json()["detail"]


def test_what_is_accepted_after_a_deletion_has_an_unknown_field(
    app: Flask, client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    """The text is checked while the deletion is not committed yet."""
    with ThreadPoolExecutor(1) as threads:
        with system_scope(database) as connection:
            connection.execute("DELETE FROM contact_fields WHERE name = 'campus'")
            sending = threads.submit(post, app.test_client(), church, SEND, sendAt=TOMORROW)
            wait_until(lambda: waiting_for_a_lock(database), timeout_seconds=30)
        refused = sending.result(timeout=60)

    assert [error["field"] for error in refused.get_json()["errors"]] == ["content"]
    assert client.get("/api/messages", headers=church.bearer).get_json()["items"] == []
