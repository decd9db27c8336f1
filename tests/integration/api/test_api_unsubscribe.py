"""The unsubscribe pages behind the link in a mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from api.app import create_app
from api.services import services
from channels.mail.signed_tokens import UnsubscribeLinks
from settings import Settings
from store import opt_outs
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch
from tests.harness.mails import SECRET

RUTH = "ruth@example.org"


@pytest.fixture(scope="session")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"smtp_url": "smtp://127.0.0.1:9?starttls=never", "secret_key": SecretStr(SECRET)}
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    services(app).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def database(app: Flask) -> Database:
    return services(app).database


@pytest.fixture
def link(settings: Settings, database: Database, church: KnownChurch) -> str:
    """The path of the unsubscribe link in a mail to Ruth."""
    with system_scope(database) as connection:
        row = connection.execute(
            "INSERT INTO deliveries (message_id, church_id, due_at, status, channel, address) "
            "VALUES (uuidv7(), %s, now(), 'sent', 'mail', %s) RETURNING delivery_id",
            (church.church_id, RUTH),
        ).fetchone()
    assert row is not None
    return link_to(settings, row[0], church.church_id)


def link_to(settings: Settings, delivery_id: UUID, church_id: UUID) -> str:
    url = UnsubscribeLinks(settings).url(delivery_id, church_id=church_id, address=RUTH)
    return "/unsubscribe/" + url.rpartition("/")[2]


def source(database: Database) -> str | None:
    with system_scope(database) as connection:
        row = connection.execute("SELECT source FROM opt_outs").fetchone()
    return row[0] if row else None


def history(database: Database) -> list[tuple[str, str]]:
    with system_scope(database) as connection:
        return connection.execute("SELECT event, source FROM consent_events ORDER BY consent_event_id").fetchall()


def opt_out(database: Database, church_id: UUID, how: str) -> None:
    with system_scope(database) as connection:
        opt_outs.opt_out(connection, church_id=church_id, address=RUTH, source=how)


def form(page: str) -> str | None:
    """The action of the page's only form."""
    found = re.search(r'<form method="post"(?: action="([^"]*)")?>', page)
    return (found[1] or "") if found else None


def test_an_opt_out_can_be_undone_on_the_page(client: FlaskClient, link: str, database: Database) -> None:
    left = client.post(link)
    assert form(left.text) == f"{link}/undo"

    undone = client.post(f"{link}/undo")

    assert (undone.status_code, source(database)) == (200, None)
    assert "You are subscribed again" in undone.text
    assert history(database) == [("opt_out", "unsubscribe link"), ("opt_in", "unsubscribe link")]
    assert client.post(form(undone.text) or "").status_code == 200
    assert source(database) == "unsubscribe link"


def test_an_undone_opt_out_is_kept_in_the_history(client: FlaskClient, link: str, database: Database) -> None:
    client.post(link)
    client.post(f"{link}/undo")

    with system_scope(database) as connection:
        [(evidence, lifted)] = connection.execute(
            "SELECT evidence, lifted_source FROM consent_events WHERE event = 'opt_in'"
        ).fetchall()
    assert re.search(r"delivery [0-9a-f-]{36}", evidence)
    assert lifted == "unsubscribe link"


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_get_request_undoes_nothing(client: FlaskClient, link: str, database: Database, method: str) -> None:
    client.post(link)

    for path in (link, f"{link}/undo"):
        assert getattr(client, method)(path, follow_redirects=True).status_code == 200

    assert source(database) == "unsubscribe link"


def test_one_click_unsubscribe_never_undoes_an_opt_out(client: FlaskClient, link: str, database: Database) -> None:
    for _ in range(3):
        client.post(link, data={"List-Unsubscribe": "One-Click"})

    assert source(database) == "unsubscribe link"
    assert history(database) == [("opt_out", "unsubscribe link")]


@pytest.mark.parametrize("how", ["command", "carrier"])
def test_only_an_opt_out_by_link_can_be_undone(
    client: FlaskClient, link: str, church: KnownChurch, database: Database, how: str
) -> None:
    opt_out(database, church.church_id, how)

    page = client.get(link)
    assert form(page.text) is None
    assert "only the church can subscribe you again" in page.text
    refused = client.post(f"{link}/undo")

    assert "You are unsubscribed" in refused.text
    assert source(database) == how


def test_an_opt_out_cannot_be_undone_after_seven_days(client: FlaskClient, link: str, database: Database) -> None:
    client.post(link)
    with system_scope(database) as connection:
        connection.execute("UPDATE opt_outs SET opted_out_at = now() - interval '7 days 1 minute'")

    assert form(client.get(link).text) is None
    client.post(f"{link}/undo")

    assert source(database) == "unsubscribe link"


def test_a_recipient_who_bounced_can_unsubscribe(
    client: FlaskClient, link: str, church: KnownChurch, database: Database
) -> None:
    opt_out(database, church.church_id, "bounce")
    assert "Unsubscribe?" in client.get(link).text

    assert "You are unsubscribed" in client.post(link).text

    assert source(database) == "unsubscribe link"


@pytest.mark.parametrize("token", ["A" * 43, "x"])
def test_a_forged_link_undoes_nothing(client: FlaskClient, link: str, database: Database, token: str) -> None:
    client.post(link)

    answer = client.post(f"/unsubscribe/{token}/undo")

    assert answer.status_code == 404
    assert source(database) == "unsubscribe link"


@pytest.mark.parametrize("change", ["UPDATE deliveries SET address = NULL", "DELETE FROM deliveries"])
@pytest.mark.parametrize("one_click", [True, False])
def test_a_link_works_when_its_delivery_or_its_address_is_no_longer_kept(
    client: FlaskClient, link: str, database: Database, change: str, one_click: bool
) -> None:
    with system_scope(database) as connection:
        connection.execute(change.encode())
    assert form(client.get(link).text) is not None

    left = client.post(link, data={"List-Unsubscribe": "One-Click"} if one_click else None)

    assert (left.status_code, source(database)) == (200, "unsubscribe link")
    assert client.post(f"{link}/undo").status_code == 200
    assert source(database) is None


def test_a_link_works_for_a_person_who_was_erased(
    client: FlaskClient, link: str, database: Database, church: KnownChurch
) -> None:
    erased = client.post("/api/people/erase", json={"addresses": [RUTH]}, headers=church.bearer)
    assert erased.status_code == 200

    assert client.post(link).status_code == 200

    assert source(database) == "unsubscribe link"


def test_a_link_of_a_church_that_does_not_exist_is_unknown(client: FlaskClient, settings: Settings) -> None:
    assert client.get(link_to(settings, uuid4(), uuid4())).status_code == 404
