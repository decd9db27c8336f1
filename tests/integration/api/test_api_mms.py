"""POST /api/messages/send for picture messages, whose media are checked first."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.services import services
from settings import Settings
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch
from tests.harness.media_server import MediaServer, picture, serving
from tests.harness.senders import set_picture_sender

SEND = "/api/messages/send"


@pytest.fixture(scope="module")
def open_app(settings: Settings) -> Iterator[Flask]:
    """An app that also checks media on this machine."""
    app = create_app(settings.model_copy(update={"media_allow_private": True}))
    yield app
    services(app).close()


@pytest.fixture
def client(open_app: Flask) -> FlaskClient:
    return open_app.test_client()


@pytest.fixture
def strict_client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def media() -> Iterator[MediaServer]:
    with serving({"/flyer.jpg": picture(), "/map.png": picture(2_000, "image/png")}) as server:
        yield server


@pytest.fixture
def church(database: Database, church: KnownChurch) -> KnownChurch:
    set_picture_sender(database, church.church_id)
    return church


def at(media: MediaServer, path: str) -> str:
    return f"http://127.0.0.1:{media.port}{path}"


def a_picture(church: KnownChurch, *urls: str, **changes: Any) -> dict[str, Any]:
    body = {
        "churchId": str(church.church_id),
        "channel": "mms",
        "mediaUrls": urls,
        "targetType": "all",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


def errors(client: FlaskClient, church: KnownChurch, body: dict[str, Any]) -> dict[str, str]:
    answer = client.post(SEND, json=body, headers=church.bearer)
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.get_json()["errors"]}


def count(database: Database) -> int:
    with system_scope(database) as connection:
        row = connection.execute("SELECT count(*) FROM messages").fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("content", [{}, {"content": ""}, {"content": "Come & see"}], ids=str)
def test_pictures_are_accepted_with_or_without_text(
    client: FlaskClient, church: KnownChurch, media: MediaServer, content: dict[str, str]
) -> None:
    urls = [at(media, "/flyer.jpg"), at(media, "/map.png")]

    answer = client.post(SEND, json=a_picture(church, *urls, **content), headers=church.bearer)

    assert answer.status_code == 202, answer.text
    returned = client.get(answer.headers["Location"], headers=church.bearer).get_json()
    assert (returned["channel"], returned["segments"], returned["details"]) == ("mms", 1, {"mediaUrls": urls})
    assert returned["content"] == content.get("content", "")
    assert sorted(media.asked) == ["HEAD /flyer.jpg", "HEAD /map.png"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"mediaUrls": ...}, {"mediaUrls": "is required for mms"}),
        ({"mediaUrls": []}, {"mediaUrls": "must have at least 1 item"}),
        ({"mediaUrls": "https://example.org/a.png"}, {"mediaUrls": "must be a list"}),
        ({"mediaUrls": None}, {"mediaUrls": "must be a list"}),
        ({"mediaUrls": ["https://example.org/a.png", 7]}, {"mediaUrls[1]": "must be a string"}),
        ({"content": "x" * 1601}, {"content": "is longer than the 1600 characters that one picture message may have"}),
        ({"subject": "x"}, {"subject": "is only allowed when channel is mail"}),
        (
            {"targetType": "addresses", "emailAddresses": ["a@example.org"]},
            {"targetType": 'does not suit mms: use "all", "contacts", "groups" or "numbers"'},
        ),
    ],
    ids=str,
)
def test_field_errors_are_returned_without_a_request_to_the_media_server(
    client: FlaskClient, church: KnownChurch, media: MediaServer, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    assert errors(client, church, a_picture(church, at(media, "/flyer.jpg"), **changes)) == expected
    assert media.connections == 0


@pytest.mark.parametrize("channel", ["sms", "mail"])
def test_other_messages_have_no_media_urls(client: FlaskClient, church: KnownChurch, channel: str) -> None:
    body = a_picture(church, "https://www.example.org/a.png", channel=channel, content="Come", subject=...)

    assert errors(client, church, body)["mediaUrls"] == "is only allowed when channel is mms"


def test_media_that_cannot_be_sent_are_reported_and_nothing_is_stored(
    client: FlaskClient, church: KnownChurch, media: MediaServer, database: Database
) -> None:
    media.answers |= {"/page": picture(content_type="text/html"), "/large.gif": picture(6_000_000, "image/gif")}
    urls = [at(media, path) for path in ("/flyer.jpg", "/page", "/gone.jpg", "/large.gif")]
    strangers = {"targetType": "contacts", "contactIds": ["01900000-0000-7000-8000-000000000000"]}

    returned = errors(client, church, a_picture(church, *urls, **strangers))

    assert returned == {
        "mediaUrls[1]": "has a type that cannot be sent to phones; JPEG, PNG and GIF can",
        "mediaUrls[2]": "returns HTTP 404",
        "mediaUrls[3]": "has 6 MB: a picture may have 5 MB",
        "contactIds[0]": "is not a contact of this church",
    }
    assert count(database) == 0


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://127.0.0.1/a.png", "must begin with https://"),
        ("https://127.0.0.1:8000/a.png", "must use port 443"),
        ("https://127.0.0.1/a.png", "leads to a host that has no public address"),
        ("https://localhost/a.png", "leads to a host that has no public address"),
    ],
)
def test_media_at_private_addresses_are_refused_by_default(
    strict_client: FlaskClient, church: KnownChurch, url: str, complaint: str
) -> None:
    assert errors(strict_client, church, a_picture(church, url)) == {"mediaUrls[0]": complaint}


def test_no_transaction_is_open_while_media_are_checked(
    client: FlaskClient, church: KnownChurch, media: MediaServer, superuser_database_url: str
) -> None:
    import psycopg

    open_ones: list[int] = []

    def watch(_request: str, _line: object) -> bytes:
        with psycopg.connect(superuser_database_url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'"
                " AND datname = current_database()"
            ).fetchone()
        open_ones.append(found[0] if found else -1)
        return picture()

    media.answers["/watched.jpg"] = watch

    answer = client.post(SEND, json=a_picture(church, at(media, "/watched.jpg")), headers=church.bearer)

    assert (answer.status_code, open_ones) == (202, [0])


def test_a_repeated_request_gets_the_same_response_without_the_pictures(
    client: FlaskClient, church: KnownChurch, media: MediaServer
) -> None:
    headers, body = {**church.bearer, "Idempotency-Key": "supper"}, a_picture(church, at(media, "/flyer.jpg"))
    first = client.post(SEND, json=body, headers=headers)
    media.answers.clear()

    again = client.post(SEND, json=body, headers=headers)
    other = client.post(SEND, json={**body, "content": "!"}, headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 409)
    assert again.get_json()["id"] == first.get_json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"


def dead_picture(client: FlaskClient, church: KnownChurch, method: str, path: str, body: dict[str, Any]) -> list[Any]:
    answer = client.open(path, method=method, json=body, headers=church.bearer)
    assert answer.status_code == 422, answer.text
    return answer.get_json()["errors"]


def test_new_pictures_of_a_waiting_message_are_checked(
    client: FlaskClient, church: KnownChurch, media: MediaServer
) -> None:
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    made = client.post(SEND, json=a_picture(church, at(media, "/flyer.jpg"), sendAt=soon), headers=church.bearer)
    path = made.headers["Location"]

    returned = dead_picture(
        client, church, "PATCH", path, {"mediaUrls": [at(media, "/map.png"), at(media, "/gone.jpg")]}
    )
    assert returned == [{"field": "mediaUrls[1]", "message": "returns HTTP 404"}]
    assert client.get(path, headers=church.bearer).get_json()["details"] == {"mediaUrls": [at(media, "/flyer.jpg")]}

    [returned] = dead_picture(client, church, "PATCH", path, {"mediaUrls": [7]})
    assert returned == {"field": "mediaUrls[0]", "message": "must be a string"}

    changed = client.patch(path, json={"mediaUrls": [at(media, "/map.png")]}, headers=church.bearer)
    assert changed.get_json()["details"] == {"mediaUrls": [at(media, "/map.png")]}

    media.answers.clear()
    assert client.patch(path, json={"content": "Come & see"}, headers=church.bearer).status_code == 200


def test_pictures_of_a_schedule_are_checked(client: FlaskClient, church: KnownChurch, media: MediaServer) -> None:
    weekly = {"recurrence": {"cron": "0 9 * * SUN"}}
    gone = [{"field": "mediaUrls[0]", "message": "returns HTTP 404"}]

    body = a_picture(church, at(media, "/gone.jpg"), **weekly)
    assert dead_picture(client, church, "POST", "/api/schedules", body) == gone

    made = client.post(
        "/api/schedules", json=a_picture(church, at(media, "/flyer.jpg"), **weekly), headers=church.bearer
    )
    assert made.status_code == 201, made.text
    path = made.headers["Location"]
    assert dead_picture(client, church, "PATCH", path, {"mediaUrls": [at(media, "/gone.jpg")]}) == gone
    assert client.patch(path, json={"mediaUrls": [at(media, "/map.png")]}, headers=church.bearer).status_code == 200


def test_a_picture_message_counts_as_three_segments_of_the_daily_limit(
    client: FlaskClient, church: KnownChurch, media: MediaServer, database: Database
) -> None:
    to_two = {"targetType": "numbers", "phoneNumbers": ["+12025550123", "+12025550124"]}

    answer = client.post(SEND, json=a_picture(church, at(media, "/flyer.jpg"), **to_two), headers=church.bearer)

    assert answer.status_code == 202, answer.text
    with system_scope(database) as connection:
        assert connection.execute("SELECT segments FROM daily_segments").fetchall() == [(6,)]


def test_slow_media_servers_of_one_church_do_not_delay_another_church(
    open_app: Flask, church: KnownChurch, other_church: KnownChurch, media: MediaServer, database: Database
) -> None:
    set_picture_sender(database, other_church.church_id)
    dripping, may_end = threading.Semaphore(0), threading.Event()

    def drip(_request: str, line: socket.socket) -> bytes:
        dripping.release()
        while not may_end.wait(0.05):
            line.sendall(b"X: y\r\n")
        return b""

    media.answers["/drip.jpg"] = drip

    def ask(_: int) -> TestResponse:
        body = a_picture(church, at(media, "/drip.jpg"))
        return open_app.test_client().post(SEND, json=body, headers=church.bearer)

    with ThreadPoolExecutor(20) as threads:
        slow = [threads.submit(ask, number) for number in range(20)]
        for _ in range(2):
            assert dripping.acquire(timeout=60)
        wait(slow, timeout=60, return_when=FIRST_COMPLETED)
        body = a_picture(other_church, at(media, "/flyer.jpg"))
        others = open_app.test_client().post(SEND, json=body, headers=other_church.bearer)
        may_end.set()

    assert others.status_code == 202, others.text
    answers = [each.result() for each in slow]
    assert {answer.status_code for answer in answers} == {422, 429}
    for refused in (answer for answer in answers if answer.status_code == 429):
        assert refused.get_json()["type"] == "/docs#problem-too-many-media-checks"
        assert refused.headers["Retry-After"] == "5"
    assert count(database) == 1


def test_a_church_without_a_sender_for_pictures_is_refused(
    client: FlaskClient, other_church: KnownChurch, media: MediaServer
) -> None:
    returned = errors(client, other_church, a_picture(other_church, at(media, "/flyer.jpg")))

    assert returned == {"channel": "has no sender in this church yet: ask the operator to set one for mms"}


def test_media_urls_are_documented(client: FlaskClient) -> None:
    schema = client.get("/openapi.json").get_json()["components"]["schemas"]["Composition"]
    field = schema["properties"]["mediaUrls"]

    assert (field["minItems"], field["maxItems"], field["items"]["format"]) == (1, 10, "uri")
    assert field["description"].endswith("Only for mms, which requires it.")
    assert field["examples"]
    assert "content" not in schema["required"]
