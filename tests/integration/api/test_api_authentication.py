"""Every route declares its authentication, and every endpoint that needs a key refuses each wrong key.

The cases come from the endpoint table. Each endpoint has a valid request here, so that only the key can be the reason
of a refusal; an endpoint without one fails the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql
from werkzeug.test import TestResponse

from api.app import create_app, described_endpoints
from api.authentication import AuthenticationScheme, declared
from api.endpoints import Endpoint
from api.keys import SCOPES, hash_key, new_key
from api.services import services
from messaging.states import Status
from settings import Settings
from store.database import Database, system_scope
from store.messages import Message
from tests.harness.churches import KnownChurch, add_contacts, another_key
from tests.integration.api.messages_in_progress import message_with
from tests.integration.store.counted_messages import roll_up
from tests.integration.store.inbound_texts import receive
from tests.integration.store.ledger import Ledger
from tests.integration.store.sent_messages import insert_sent

GUARDED = [each for each in described_endpoints() if each.authentication.scheme is AuthenticationScheme.KEY]
RowsOf = Callable[[KnownChurch], dict[str, list[str]]]
guarded_endpoints = pytest.mark.parametrize("endpoint", GUARDED, ids=lambda endpoint: endpoint.name)


class FirstChurch:
    """The church to whose data the requests lead. Creates what a request needs."""

    def __init__(self, client: FlaskClient, database: Database, church: KnownChurch) -> None:
        self.client, self.database, self.church = client, database, church
        self.ledger = Ledger(database)

    @property
    def church_id(self) -> str:
        return str(self.church.church_id)

    @cached_property
    def contact(self) -> UUID:
        return add_contacts(self.database, self.church.church_id, count=1)[0]

    @cached_property
    def contact_field(self) -> str:
        fields = {"fieldOfTheFirst": "a value"}
        self.client.patch(f"/api/contacts/{self.contact}", json={"fields": fields}, headers=self.church.bearer)
        return next(iter(fields))

    group_name = "Group of the first"

    @cached_property
    def group(self) -> str:
        return self.post("/api/groups", json={"name": self.group_name}).get_json()["id"]

    @cached_property
    def message(self) -> Message:
        """A message that can be canceled, paused, retried and resolved."""
        wanted = {Status.UNKNOWN: 1, Status.FAILED: 1, Status.QUEUED: 1}
        return message_with(self.ledger, self.church.church_id, wanted)

    @cached_property
    def delivery_in_doubt(self) -> UUID:
        query = "SELECT delivery_id FROM deliveries WHERE message_id = %(id)s AND status = 'unknown'"
        return self.ledger.query(query, id=self.message.message_id)[0][0]

    @cached_property
    def paused_message(self) -> str:
        self.post(f"/api/messages/{self.message.message_id}/pause")
        return str(self.message.message_id)

    @cached_property
    def scheduled_message(self) -> str:
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        return self.post("/api/messages/send", json=self.composition | {"sendAt": tomorrow}).get_json()["id"]

    @cached_property
    def message_with_link(self) -> str:
        body = self.composition | {"content": "See https://grace.example.org/supper", "shortenLinks": True}
        return self.post("/api/messages/send", json=body).get_json()["id"]

    @cached_property
    def schedule(self) -> str:
        return self.post("/api/schedules", json=self.plan).get_json()["id"]

    @cached_property
    def paused_schedule(self) -> str:
        self.post(f"/api/schedules/{self.schedule}/pause", json={})
        return self.schedule

    @cached_property
    def run(self) -> str:
        """The message of a run of the schedule."""
        add_contacts(self.database, self.church.church_id, count=1)
        return self.post(f"/api/schedules/{self.schedule}/run-now").get_json()["id"]

    @cached_property
    def inbound_message(self) -> UUID:
        """What the contact wrote, which nobody has read."""
        assert self.contact
        return receive(self.ledger, self.church.church_id, "+12025550000", "For us alone")

    @cached_property
    def opted_out(self) -> str:
        """A number that is opted out."""
        self.ledger.opt_out(self.church.church_id, "+12025550009")
        return "+12025550009"

    @cached_property
    def read_message(self) -> UUID:
        self.post(f"/api/inbound/{self.inbound_message}/read")
        return self.inbound_message

    @cached_property
    def conversation(self) -> UUID:
        query = "SELECT conversation_id FROM conversations WHERE church_id = %(id)s"
        return self.ledger.query(query, id=self.church.church_id)[0][0] if self.inbound_message else self.contact

    @cached_property
    def counted_error_code(self) -> str:
        """The error code of a delivery that is counted."""
        insert_sent(self.ledger, self.church.church_id, datetime.now(UTC), ("failed", "code-of-the-first", 1))
        roll_up(self.ledger)
        return "code-of-the-first"

    @cached_property
    def counted_segments(self) -> int:
        """What is counted in the present month."""
        self.ledger.query(
            "INSERT INTO monthly_segments (church_id, month, segments) SELECT church_id, "
            "date_trunc('month', now() AT TIME ZONE time_zone), 987654321 FROM churches WHERE church_id = %(id)s",
            id=self.church.church_id,
        )
        return 987654321

    new_template: Mapping[str, Any] = MappingProxyType({"name": "Template of the first", "content": "Hi {{firstName}}"})

    @cached_property
    def template(self) -> str:
        return self.post("/api/templates", json=dict(self.new_template)).get_json()["id"]

    @cached_property
    def pending_import(self) -> str:
        file = b"Name,Phone\nRuth,+12025550199\n"
        return self.post("/api/imports", data=file, content_type="text/csv").get_json()["id"]

    @cached_property
    def running_import(self) -> str:
        self.post(f"/api/imports/{self.pending_import}/start")
        return self.pending_import

    @cached_property
    def canceled_import(self) -> str:
        self.post(f"/api/imports/{self.running_import}/cancel")
        return self.running_import

    @property
    def composition(self) -> dict[str, Any]:
        return {"churchId": self.church_id, "content": "For us alone", "targetType": "all"}

    @property
    def plan(self) -> dict[str, Any]:
        return {**self.composition, "recurrence": {"cron": "0 9 * * SUN"}}

    def post(self, path: str, **options: Any) -> TestResponse:
        answer = self.client.post(path, headers=self.church.bearer, **options)
        assert answer.status_code < 300, answer.text
        return answer


@dataclass(frozen=True, kw_only=True)
class ValidRequest:
    """A request that succeeds with a key of the first church."""

    ids: Mapping[str, object] = field(default_factory=dict[str, object])
    """The parameters in the path."""
    body: Mapping[str, Any] | None = None
    file: bytes | None = None
    """A body that is not JSON."""
    shows: object = ""
    """An id of the first church in the response."""


REQUESTS: dict[str, Callable[[FirstChurch], ValidRequest]] = {
    "send_message": lambda first: ValidRequest(body=first.composition),
    "preview_message": lambda first: ValidRequest(body=first.composition),
    "list_messages": lambda first: ValidRequest(shows=first.message.message_id),
    "get_message": lambda first: ValidRequest(ids={"message_id": first.message.message_id}),
    "list_links": lambda first: ValidRequest(
        ids={"message_id": first.message_with_link}, shows="https://grace.example.org/supper"
    ),
    "change_message": lambda first: ValidRequest(
        ids={"message_id": first.scheduled_message}, body={"content": "Changed"}
    ),
    "list_deliveries": lambda first: ValidRequest(
        ids={"message_id": first.message.message_id}, shows=first.delivery_in_doubt
    ),
    "cancel_message": lambda first: ValidRequest(ids={"message_id": first.message.message_id}),
    "pause_message": lambda first: ValidRequest(ids={"message_id": first.message.message_id}),
    "resume_message": lambda first: ValidRequest(ids={"message_id": first.paused_message}),
    "retry_failed": lambda first: ValidRequest(ids={"message_id": first.message.message_id}, body={}),
    "resolve_delivery": lambda first: ValidRequest(
        ids={"message_id": first.message.message_id, "delivery_id": first.delivery_in_doubt}, body={"status": "sent"}
    ),
    "resolve_deliveries": lambda first: ValidRequest(
        ids={"message_id": first.message.message_id}, body={"status": "failed"}
    ),
    "create_schedule": lambda first: ValidRequest(body=first.plan),
    "list_schedules": lambda first: ValidRequest(shows=first.schedule),
    "get_schedule": lambda first: ValidRequest(ids={"schedule_id": first.schedule}),
    "change_schedule": lambda first: ValidRequest(ids={"schedule_id": first.schedule}, body={"content": "Changed"}),
    "delete_schedule": lambda first: ValidRequest(ids={"schedule_id": first.schedule}),
    "pause_schedule": lambda first: ValidRequest(ids={"schedule_id": first.schedule}, body={}),
    "resume_schedule": lambda first: ValidRequest(ids={"schedule_id": first.paused_schedule}),
    "run_schedule_now": lambda first: ValidRequest(ids={"schedule_id": first.schedule}),
    "list_schedule_runs": lambda first: ValidRequest(ids={"schedule_id": first.schedule}, shows=first.run),
    "create_template": lambda first: ValidRequest(body=dict(first.new_template), shows=first.template),
    "list_templates": lambda first: ValidRequest(shows=first.template),
    "get_template": lambda first: ValidRequest(ids={"template_id": first.template}),
    "change_template": lambda first: ValidRequest(ids={"template_id": first.template}, body={"name": "Changed"}),
    "delete_template": lambda first: ValidRequest(ids={"template_id": first.template}),
    "add_contacts": lambda first: ValidRequest(
        body={"contacts": [{"name": "Person 0", "phone": "+12025550000"}]}, shows=first.contact
    ),
    "export_person": lambda first: ValidRequest(body={"addresses": ["+12025550000"]}, shows=first.contact),
    "erase_person": lambda first: ValidRequest(
        body={"addresses": ["+12025550000"]}, shows=f'"contacts":{1 if first.contact else 0}'
    ),
    "upload_import": lambda first: ValidRequest(
        file=b"Name,Phone\nPerson 0,+12025550000\n", shows=f'"unchanged":{1 if first.contact else 0}'
    ),
    "list_imports": lambda first: ValidRequest(shows=first.pending_import),
    "get_import": lambda first: ValidRequest(ids={"import_id": first.pending_import}),
    "change_import": lambda first: ValidRequest(ids={"import_id": first.pending_import}, body={"existing": "replace"}),
    "delete_import": lambda first: ValidRequest(ids={"import_id": first.pending_import}),
    "start_import": lambda first: ValidRequest(ids={"import_id": first.pending_import}),
    "cancel_import": lambda first: ValidRequest(ids={"import_id": first.running_import}),
    "undo_import": lambda first: ValidRequest(ids={"import_id": first.canceled_import}),
    "get_import_report": lambda first: ValidRequest(ids={"import_id": first.pending_import}),
    "export_contacts": lambda first: ValidRequest(shows="Person 0" if first.contact else ""),
    "list_contacts": lambda first: ValidRequest(shows=first.contact),
    "get_contact": lambda first: ValidRequest(ids={"contact_id": first.contact}),
    "change_contact": lambda first: ValidRequest(ids={"contact_id": first.contact}, body={"name": "Changed"}),
    "delete_contact": lambda first: ValidRequest(ids={"contact_id": first.contact}),
    "delete_contacts": lambda first: ValidRequest(
        body={"contactIds": [str(first.contact)]}, shows=f'"deleted":{1 if first.contact else 0}'
    ),
    "list_contact_fields": lambda first: ValidRequest(shows=first.contact_field),
    "delete_contact_field": lambda first: ValidRequest(ids={"name": first.contact_field}),
    "create_group": lambda first: ValidRequest(body={"name": first.group_name}, shows=first.group),
    "list_groups": lambda first: ValidRequest(shows=first.group),
    "get_group": lambda first: ValidRequest(ids={"group_id": first.group}),
    "preview_group": lambda first: ValidRequest(
        body={"condition": {"field": "name", "equals": "Person 0"}}, shows=f'"memberCount":{1 if first.contact else 0}'
    ),
    "change_group": lambda first: ValidRequest(ids={"group_id": first.group}, body={"name": "Changed"}),
    "delete_group": lambda first: ValidRequest(ids={"group_id": first.group}),
    "list_group_members": lambda first: ValidRequest(ids={"group_id": first.group}),
    "add_group_members": lambda first: ValidRequest(
        ids={"group_id": first.group}, body={"contactIds": [str(first.contact)]}
    ),
    "remove_group_members": lambda first: ValidRequest(
        ids={"group_id": first.group}, body={"contactIds": [str(first.contact)]}
    ),
    "list_opt_outs": lambda first: ValidRequest(shows=first.opted_out),
    "add_opt_out": lambda first: ValidRequest(body={"contactId": str(first.contact)}, shows="+12025550000"),
    "add_opt_in": lambda first: ValidRequest(
        body={
            "contactId": str(first.contact),
            "evidence": {"how": "a form", "at": "2026-01-01T00:00:00Z", "words": "For us alone"},
        },
        shows="+12025550000",
    ),
    "get_contact_consent": lambda first: ValidRequest(ids={"contact_id": first.contact}, shows="+12025550000"),
    "list_inbound": lambda first: ValidRequest(shows=first.inbound_message),
    "mark_inbound_read": lambda first: ValidRequest(ids={"inbound_message_id": first.inbound_message}),
    "mark_inbound_unread": lambda first: ValidRequest(ids={"inbound_message_id": first.read_message}),
    "reply_to_inbound": lambda first: ValidRequest(
        ids={"inbound_message_id": first.inbound_message}, body={"content": "For us alone"}
    ),
    "list_conversations": lambda first: ValidRequest(shows=first.conversation),
    "get_conversation": lambda first: ValidRequest(
        ids={"conversation_id": first.conversation}, shows=first.inbound_message
    ),
    "mark_conversation_read": lambda first: ValidRequest(ids={"conversation_id": first.conversation}, body={}),
    "reply_to_conversation": lambda first: ValidRequest(
        ids={"conversation_id": first.contact}, body={"content": "For us alone"}
    ),
    "list_audit_events": lambda first: ValidRequest(shows=first.scheduled_message),
    "get_analytics": lambda first: ValidRequest(shows=first.counted_error_code),
    "get_usage": lambda first: ValidRequest(shows=first.counted_segments),
}


class Call:
    """The valid request of an endpoint, which can be sent with any key."""

    def __init__(self, endpoint: Endpoint, first: FirstChurch) -> None:
        self._client = first.client
        self.endpoint, self.request = endpoint, REQUESTS[endpoint.name](first)
        path = endpoint.path.replace("<uuid:", "{").replace("<", "{").replace(">", "}")
        self._path = path.format(**self.request.ids)

    @property
    def names_its_church(self) -> bool:
        """Whether the path or the body leads to one church, whatever the key."""
        return self.names_a_row or "churchId" in (self.request.body or {})

    @property
    def names_a_row(self) -> bool:
        return bool(self.request.ids) or "contactId" in (self.request.body or {})

    def send(self, headers: Mapping[str, str]) -> TestResponse:
        if self.request.file is not None:
            options: Any = {"data": self.request.file, "content_type": "text/csv"}
        else:
            options = {"json": self.request.body}
        return self._client.open(self._path, method=self.endpoint.method, headers=dict(headers), **options)

    def assert_succeeds(self, headers: Mapping[str, str]) -> None:
        """The request is valid: only the key was wrong before."""
        answer = self.send(headers)
        assert 200 <= answer.status_code < 300, answer.text
        assert str(self.request.shows) in answer.text


@pytest.fixture
def call(client: FlaskClient, database: Database, church: KnownChurch, endpoint: Endpoint) -> Call:
    return Call(endpoint, FirstChurch(client, database, church))


@pytest.fixture(scope="module")
def rows_of(superuser_database_url: str) -> Iterator[RowsOf]:
    """Reads every row of a church by table, without its keys: the product records when they are used."""
    tables = (
        "SELECT c.table_name FROM information_schema.columns AS c JOIN information_schema.tables AS t "
        "USING (table_schema, table_name) WHERE c.column_name = 'church_id' AND c.table_schema = 'public' "
        "AND t.table_type = 'BASE TABLE' AND c.table_name <> 'api_keys'"
    )
    with psycopg.connect(superuser_database_url, autocommit=True) as connection:
        names: list[str] = [name for (name,) in connection.execute(tables)]
        assert {"churches", "contacts", "messages", "deliveries", "schedules"} <= set(names)
        yield lambda church: {name: _rows(connection, name, church.church_id) for name in names}


def _rows(connection: psycopg.Connection[tuple[Any, ...]], table: str, church_id: UUID) -> list[str]:
    query = sql.SQL("SELECT t::text FROM {} AS t WHERE church_id = %s ORDER BY 1").format(sql.Identifier(table))
    return [row for (row,) in connection.execute(query, (church_id,))]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_every_route_declares_its_authentication(app: Flask) -> None:
    undeclared = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint not in declared(app)}

    assert undeclared == set()


def test_every_route_of_the_api_needs_a_key_and_is_in_the_endpoint_table(app: Flask) -> None:
    of_the_api = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]

    schemes = {declared(app)[rule.endpoint].scheme for rule in of_the_api}
    assert schemes == {AuthenticationScheme.KEY}
    keyed = {name for name, each in declared(app).items() if each.scheme is AuthenticationScheme.KEY}
    assert keyed == {rule.endpoint for rule in of_the_api} == {each.name for each in GUARDED}


def test_every_endpoint_that_needs_a_key_has_a_valid_request_here() -> None:
    assert set(REQUESTS) == {each.name for each in GUARDED}


@guarded_endpoints
def test_reading_needs_a_read_scope_and_changing_a_write_scope(endpoint: Endpoint) -> None:
    """Except the data of one person, for which there are scopes of their own, and a condition that is only read."""
    exceptions = {
        "/api/people/export": "people:export",
        "/api/people/erase": "people:erase",
        "/api/groups/preview": "contacts:read",
    }
    resources = {
        "contacts": "contacts",
        "contact-fields": "contacts",
        "groups": "contacts",
        "imports": "contacts",
        "inbound": "conversations",
        "conversations": "conversations",
        "opt-outs": "consent",
        "opt-ins": "consent",
        "audit": "audit",
        "analytics": "analytics",
        "usage": "analytics",
    }
    resource = resources.get(endpoint.path.split("/")[2], "messages")  # a schedule makes messages
    if endpoint.path.endswith("/consent"):
        resource = "consent"

    wanted = exceptions.get(endpoint.path, f"{resource}:{'read' if endpoint.method == 'GET' else 'write'}")
    assert endpoint.authentication.scope == wanted


def test_a_route_that_declares_nothing_refuses_every_request(settings: Settings) -> None:
    app = create_app(settings)
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")

    answer = app.test_client().get("/forgotten")

    assert answer.status_code == 500
    assert "secret" not in answer.text
    services(app).close()


@guarded_endpoints
def test_a_request_without_a_valid_key_is_refused_and_changes_nothing(
    call: Call, church: KnownChurch, database: Database, rows_of: RowsOf
) -> None:
    revoked = another_key(database, church.church_id, scopes=SCOPES)
    with system_scope(database) as connection:
        connection.execute("UPDATE api_keys SET revoked_at = now() WHERE secret_hash = %s", (hash_key(revoked),))
    before = rows_of(church)

    malformed = ["", "Bearer", "Bearer ", "Basic abc", f"Basic {church.key}", "Bearer nonsense", "Bearer ksms_ä"]
    attempts = [{}, *({"Authorization": header} for header in malformed), bearer(new_key()[0]), bearer(revoked)]
    for headers in attempts:
        answer = call.send(headers)
        assert (answer.status_code, answer.mimetype) == (401, "application/problem+json"), headers
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    assert rows_of(church) == before
    call.assert_succeeds(church.bearer)


@guarded_endpoints
def test_a_key_of_another_church_reads_and_changes_nothing(
    call: Call, church: KnownChurch, other_church: KnownChurch, rows_of: RowsOf
) -> None:
    before, before_of_other = rows_of(church), rows_of(other_church)

    answer = call.send(other_church.bearer)

    if call.names_its_church:
        assert (answer.status_code, answer.mimetype) == (404 if call.names_a_row else 403, "application/problem+json")
        assert rows_of(other_church) == before_of_other
    else:
        assert answer.status_code in (200, 201)
        assert call.request.shows, "without it nothing shows that the first church has something to see"
    assert "For us alone" not in answer.text
    assert str(call.request.shows or church.church_id) not in answer.text
    assert rows_of(church) == before
    call.assert_succeeds(church.bearer)


@guarded_endpoints
def test_a_key_without_the_scope_is_refused_and_changes_nothing(
    call: Call, church: KnownChurch, database: Database, rows_of: RowsOf
) -> None:
    needed = call.endpoint.authentication.scope
    assert needed is not None
    without = another_key(database, church.church_id, scopes=[scope for scope in SCOPES if scope != needed])
    alone = another_key(database, church.church_id, scopes=[needed])
    before = rows_of(church)

    answer = call.send(bearer(without))

    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    assert f'scope="{needed}"' in answer.headers["WWW-Authenticate"]
    assert rows_of(church) == before
    call.assert_succeeds(bearer(alone))


def test_the_same_person_is_a_contact_of_each_church(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=1)
    same_person = {"contacts": [{"name": "Person 0", "phone": "+12025550000"}]}

    added = client.post("/api/contacts", json=same_person, headers=other_church.bearer)

    assert added.get_json()["results"][0]["created"]
    assert len(client.get("/api/contacts", headers=church.bearer).get_json()["items"]) == 1


def test_a_delivery_is_not_found_below_a_message_of_another_church(
    client: FlaskClient, database: Database, church: KnownChurch, other_church: KnownChurch
) -> None:
    first = FirstChurch(client, database, church)
    own = message_with(first.ledger, other_church.church_id, {Status.UNKNOWN: 1}, first=10)

    path = f"/api/messages/{own.message_id}/deliveries/{first.delivery_in_doubt}/resolve"
    answer = client.post(path, json={"status": "sent"}, headers=other_church.bearer)

    assert answer.status_code == 404
    assert first.ledger.counts(first.message)[Status.UNKNOWN] == 1
