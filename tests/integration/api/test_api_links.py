"""Short links in texts: how a message gets them, where they lead, and how clicks are counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.services import services
from messaging.links import SAMPLE_CODE
from messaging.segments import count_segments
from settings import Settings
from store import links
from store.database import Database, system_scope
from store.links import LinkSettings
from tests.harness.churches import KnownChurch
from tests.integration.api.conftest import PUBLIC_URL

SEND = "/api/messages/send"
SUPPER = "https://grace.example.org/harvest-supper?from=text&year=2027"
BROWSER = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1"}


def a_message(church: KnownChurch, **changes: Any) -> dict[str, Any]:
    body = {"churchId": str(church.church_id), "content": f"Supper: {SUPPER}.", "targetType": "all"}
    return body | {"shortenLinks": True} | changes


def send(client: FlaskClient, church: KnownChurch, **changes: Any) -> str:
    """Send a message, and return its path."""
    answer = client.post(SEND, json=a_message(church, **changes), headers=church.bearer)
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def shown(client: FlaskClient, church: KnownChurch, path: str) -> Any:
    answer = client.get(path, headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def links_of(client: FlaskClient, church: KnownChurch, path: str) -> list[Any]:
    services(client.application).link_clicks.write()
    return shown(client, church, f"{path}/links")["items"]


def path_of(link: dict[str, str]) -> str:
    return urlsplit(link["shortUrl"]).path


def change(database: Database, church: KnownChurch, domain: str | None = None, *, shortens: bool = False) -> None:
    with system_scope(database) as connection:
        settings = LinkSettings(link_domain=domain, shortens_links=shortens)
        links.change_settings(connection, settings, church_id=church.church_id)


@pytest.fixture
def one_link(client: FlaskClient, church: KnownChurch) -> str:
    """The path of the short link of a message."""
    return path_of(links_of(client, church, send(client, church))[0])


def test_a_link_is_replaced_by_a_short_one_that_leads_there(client: FlaskClient, church: KnownChurch) -> None:
    path = send(client, church)

    [link] = links_of(client, church, path)
    assert link["url"] == SUPPER
    assert link["shortUrl"].startswith(f"{PUBLIC_URL}/l/")
    assert shown(client, church, path)["content"] == f"Supper: {link['shortUrl']}."
    followed = client.get(path_of(link), headers=BROWSER)
    assert (followed.status_code, followed.headers["Location"]) == (302, SUPPER)
    assert followed.headers["Cache-Control"] == "no-store"
    assert followed.headers["X-Robots-Tag"] == "noindex"


def test_segments_are_those_of_the_short_text(client: FlaskClient, church: KnownChurch) -> None:
    content = "Supper: https://grace.example.org/" + "x" * 200
    assert count_segments(content) == 2

    assert shown(client, church, send(client, church, content=content))["segments"] == 1
    assert shown(client, church, send(client, church, content=content, shortenLinks=False))["segments"] == 2


def test_links_stay_unless_the_request_or_the_church_wants_short_ones(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    assert links_of(client, church, send(client, church, shortenLinks=None)) == []
    change(database, church, shortens=True)
    assert len(links_of(client, church, send(client, church, shortenLinks=None))) == 1
    assert links_of(client, church, send(client, church, shortenLinks=False)) == []


def test_each_different_url_of_a_message_has_one_link(client: FlaskClient, church: KnownChurch) -> None:
    content = f"{SUPPER} http://hope.example.org {SUPPER}"

    path = send(client, church, content=content)

    found = links_of(client, church, path)
    assert [link["url"] for link in found] == [SUPPER, "http://hope.example.org"]
    assert shown(client, church, path)["content"] == " ".join(found[n]["shortUrl"] for n in (0, 1, 0))
    assert links_of(client, church, send(client, church))[0]["shortUrl"] not in {link["shortUrl"] for link in found}


def test_the_links_of_a_church_are_at_its_domain_and_work_at_every_host(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    change(database, church, "grace.example")

    [link] = links_of(client, church, send(client, church))

    assert link["shortUrl"].startswith("https://grace.example/l/")
    for host in ("grace.example", "hope.example", "localhost", "192.0.2.1"):
        assert client.get(path_of(link), headers={"Host": host}).headers["Location"] == SUPPER


def test_at_a_link_domain_nothing_but_links_is_served(
    settings: Settings, church: KnownChurch, database: Database, one_link: str
) -> None:
    change(database, church, "grace.example")
    app = create_app(settings.model_copy(update={"link_domain": "s.example"}))
    client = app.test_client()
    try:
        for host in ("grace.example", "Grace.Example:443", "grace.example.", "s.example"):
            for path in ("/api/messages", "/rq", "/docs", "/openapi.json", "/nothing", "/"):
                assert client.get(path, headers={"Host": host}).status_code == 404, (host, path)
            assert client.get(one_link, headers={"Host": host}).status_code == 302
            assert client.get("/health/live", headers={"Host": host}).status_code == 200
        for host in ("texts.example.org", "localhost", "127.0.0.1:8000", "hope.example"):
            assert client.get("/docs", headers={"Host": host}).status_code == 200
    finally:
        services(app).close()


def test_a_message_that_is_accepted_once_has_its_links_once(client: FlaskClient, church: KnownChurch) -> None:
    headers = church.bearer | {"Idempotency-Key": "supper"}

    first, again = (client.post(SEND, json=a_message(church), headers=headers) for _ in range(2))

    assert first.get_json()["id"] == again.get_json()["id"]
    path = first.headers["Location"]
    [link] = links_of(client, church, path)
    assert link["shortUrl"] in shown(client, church, path)["content"]
    assert client.post(SEND, json=a_message(church, shortenLinks=False), headers=headers).status_code == 409


def test_links_of_mails_stay(client: FlaskClient, church: KnownChurch) -> None:
    mail = a_message(church, channel="mail", subject="Supper")

    refused = client.post(SEND, json=mail, headers=church.bearer)

    assert refused.status_code == 422
    assert [error["field"] for error in refused.get_json()["errors"]] == ["shortenLinks"]


def test_a_text_that_short_links_make_too_long_is_refused(client: FlaskClient, church: KnownChurch) -> None:
    content = " ".join(f"http://a.io/{n:02}" for n in range(100))
    assert len(content) < 1600

    refused = client.post(SEND, json=a_message(church, content=content), headers=church.bearer)

    assert refused.status_code == 422
    assert [error["field"] for error in refused.get_json()["errors"]] == ["content"]
    send(client, church, content=content, shortenLinks=False)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://grace.example.org/Übersicht?für=alle", "https://grace.example.org/%C3%9Cbersicht?f%C3%BCr=alle"),
        ("https://gräce.example.org/a", "https://xn--grce-moa.example.org/a"),
        ("https://grace.example.org/a%20b%0D%0ASet-Cookie:x", "https://grace.example.org/a%20b%0D%0ASet-Cookie:x"),
    ],
)
def test_a_location_is_ascii_and_one_line(client: FlaskClient, church: KnownChurch, url: str, location: str) -> None:
    [link] = links_of(client, church, send(client, church, content=f"See {url}"))

    followed = client.get(path_of(link))

    assert followed.headers["Location"] == location
    assert "Set-Cookie" not in followed.headers


def test_clicks_are_counted(client: FlaskClient, church: KnownChurch) -> None:
    before = datetime.now(UTC)
    path = send(client, church)
    [link] = links_of(client, church, path)
    assert (link["clicks"], link["firstClickedAt"], link["lastClickedAt"]) == (0, None, None)

    for _ in range(3):
        client.get(path_of(link), headers=BROWSER)

    [link] = links_of(client, church, path)
    assert link["clicks"] == 3
    assert before <= datetime.fromisoformat(link["firstClickedAt"]) < datetime.fromisoformat(link["lastClickedAt"])
    client.get(path_of(link), headers=BROWSER)
    assert links_of(client, church, path)[0]["clicks"] == 4
    assert links_of(client, church, path)[0]["firstClickedAt"] == link["firstClickedAt"]


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "Mozilla/5.0 (Macintosh) AppleWebKit/601 facebookexternalhit/1.1 Facebot Twitterbot/1.0"},
        {"User-Agent": "WhatsApp/2.23.20.0"},
        {"User-Agent": "TelegramBot (like TwitterBot)"},
        {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
        {"User-Agent": "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"},
        {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
        BROWSER | {"Sec-Purpose": "prefetch;prerender"},
        BROWSER | {"Purpose": "prefetch"},
        BROWSER | {"X-Purpose": "preview"},
    ],
)
def test_previews_are_redirected_and_not_counted(
    client: FlaskClient, church: KnownChurch, headers: dict[str, str]
) -> None:
    path = send(client, church)
    [link] = links_of(client, church, path)

    assert client.get(path_of(link), headers=headers).headers["Location"] == SUPPER
    assert client.head(path_of(link), headers=BROWSER).headers["Location"] == SUPPER

    assert links_of(client, church, path)[0]["clicks"] == 0


def assert_page(answer: TestResponse, status: int, words: str) -> None:
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert words in answer.text
    assert "Location" not in answer.headers
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "'unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("code", [SAMPLE_CODE, "x", "a" * 500, "%00", "2" * 11 + "%C3%A9", "links.css"])
def test_a_code_that_is_no_links_is_a_page(client: FlaskClient, code: str) -> None:
    assert_page(client.get(f"/l/{code}"), 404, "This link does not work")


@pytest.mark.parametrize("path", ["/l/", "/l", "/l/22222222/2222", "/l/..%2f..", "/L/222222222222"])
def test_other_paths_are_no_links(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_code_may_be_typed_in_capitals(client: FlaskClient, one_link: str) -> None:
    code = one_link.removeprefix("/l/")

    assert client.get(f"/l/{code.upper()}").headers["Location"] == SUPPER


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_link_can_only_be_followed(client: FlaskClient, one_link: str, method: str) -> None:
    assert client.open(one_link, method=method).status_code == 405


def test_what_is_added_to_a_link_changes_nothing(client: FlaskClient, one_link: str) -> None:
    assert client.get(f"{one_link}?url=https://evil.example&next=//evil.example").headers["Location"] == SUPPER


def test_a_link_stops_working_after_a_year(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    path = send(client, church)
    [link] = links_of(client, church, path)
    a_year = datetime.now(UTC) + timedelta(days=365)
    assert abs(datetime.fromisoformat(link["expiresAt"]) - a_year) < timedelta(days=2)

    with system_scope(database) as connection:
        connection.execute("UPDATE links SET expires_at = now()")

    assert_page(client.get(path_of(link)), 410, "This link has expired")
    assert_page(client.head(path_of(link)), 410, "")
    assert links_of(client, church, path)[0]["clicks"] == 0


def test_the_year_begins_when_the_message_is_sent(client: FlaskClient, church: KnownChurch) -> None:
    send_at = datetime.now(UTC) + timedelta(days=100)

    [link] = links_of(client, church, send(client, church, sendAt=send_at.isoformat()))

    assert datetime.fromisoformat(link["expiresAt"]) - send_at > timedelta(days=364)


def test_links_of_a_suspended_church_do_not_work_meanwhile(
    client: FlaskClient, church: KnownChurch, database: Database, one_link: str
) -> None:
    with system_scope(database) as connection:
        connection.execute("UPDATE churches SET suspended_at = now(), suspended_reason = 'fraud'")
    assert_page(client.get(one_link), 404, "This link does not work")

    with system_scope(database) as connection:
        connection.execute("UPDATE churches SET suspended_at = NULL, suspended_reason = NULL")
    assert client.get(one_link).status_code == 302


def test_another_church_sees_no_links(client: FlaskClient, church: KnownChurch, other_church: KnownChurch) -> None:
    path = send(client, church)

    assert client.get(f"{path}/links", headers=other_church.bearer).status_code == 404


@pytest.fixture
def later(client: FlaskClient, church: KnownChurch) -> str:
    """The path of a message that can still be changed."""
    return send(client, church, sendAt=(datetime.now(UTC) + timedelta(days=1)).isoformat())


def edit(client: FlaskClient, church: KnownChurch, path: str, **changes: Any) -> Any:
    answer = client.patch(path, json=changes, headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_a_changed_text_has_links_of_its_own_and_keeps_those_it_shares(
    client: FlaskClient, church: KnownChurch, later: str
) -> None:
    [before] = links_of(client, church, later)
    changed = edit(client, church, later, content=f"{SUPPER} and https://hope.example.org")

    first, second = links_of(client, church, later)
    assert changed["content"] == f"{first['shortUrl']} and {second['shortUrl']}"
    assert first["shortUrl"] == before["shortUrl"]

    edit(client, church, later, content="Only https://hope.example.org")
    assert [link["shortUrl"] for link in links_of(client, church, later)] == [second["shortUrl"]]
    assert client.get(path_of(first)).status_code == 404


def test_a_text_that_is_sent_back_with_its_short_links_keeps_them(
    client: FlaskClient, church: KnownChurch, later: str
) -> None:
    content = shown(client, church, later)["content"]

    changed = edit(client, church, later, content=f"Soon! {content}")

    assert changed["content"] == f"Soon! {content}"
    assert [link["url"] for link in links_of(client, church, later)] == [SUPPER]


def test_short_links_can_be_undone_and_made_later(client: FlaskClient, church: KnownChurch, later: str) -> None:
    [link] = links_of(client, church, later)

    assert edit(client, church, later, shortenLinks=False)["content"] == f"Supper: {SUPPER}."
    assert links_of(client, church, later) == []
    assert client.get(path_of(link)).status_code == 404
    assert edit(client, church, later, content=f"Now: {SUPPER}")["content"] == f"Now: {SUPPER}"
    assert SUPPER not in edit(client, church, later, shortenLinks=True)["content"]
    assert len(links_of(client, church, later)) == 1


def test_another_time_moves_the_end_of_the_links(client: FlaskClient, church: KnownChurch, later: str) -> None:
    [before] = links_of(client, church, later)

    edit(client, church, later, sendAt=(datetime.now(UTC) + timedelta(days=50)).isoformat())

    [after] = links_of(client, church, later)
    assert after["shortUrl"] == before["shortUrl"]
    moved = datetime.fromisoformat(after["expiresAt"]) - datetime.fromisoformat(before["expiresAt"])
    assert timedelta(days=48) < moved < timedelta(days=50)


def test_the_default_of_the_church_applies_to_an_edit_too(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    path = send(client, church, shortenLinks=None, content="No link yet", sendAt=tomorrow)
    change(database, church, shortens=True)

    edit(client, church, path, content=f"Supper: {SUPPER}")

    assert [link["url"] for link in links_of(client, church, path)] == [SUPPER]


@pytest.fixture
def app_without_database(settings: Settings, free_port: int) -> Iterator[Flask]:
    elsewhere = settings.database_url.replace(f":{urlsplit(settings.database_url).port}/", f":{free_port}/")
    app = create_app(settings.model_copy(update={"database_url": elsewhere}))
    database = services(app).database
    database.timeouts = replace(database.timeouts, connection=0.5)  # seconds
    yield app
    services(app).close()


def test_without_the_database_a_click_is_answered_503(app_without_database: Flask) -> None:
    answer = app_without_database.test_client().get(f"/l/{SAMPLE_CODE}", headers={"Host": "grace.example"})

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_links_work_without_redis(settings: Settings, one_link: str, free_port: int) -> None:
    app = create_app(settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port}/0"}))
    try:
        assert app.test_client().get(one_link).headers["Location"] == SUPPER
    finally:
        services(app).close()


def test_a_church_id_of_a_link_is_that_of_its_message(database: Database, church: KnownChurch, one_link: str) -> None:
    with system_scope(database) as connection:
        found: list[tuple[UUID]] = connection.execute("SELECT church_id FROM links").fetchall()

    assert one_link
    assert found == [(church.church_id,)]
