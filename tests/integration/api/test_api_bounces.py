"""POST /callbacks/mail: nothing is parsed before the address is verified."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from api.app import create_app
from api.services import services
from channels.mail.bounces import HEAD_BYTES, MAX_BYTES
from channels.mail.signed_tokens import BounceAddresses
from settings import Settings
from store.database import Database, system_scope
from tests.harness.mails import SECRET, delivery_report

SET_UP = {
    "smtp_url": "smtp://127.0.0.1:9?starttls=never",
    "secret_key": SecretStr(SECRET),
    "mail_bounce_domain": "bounces.example.org",
}
DELIVERY = uuid4()


class CountingBody(io.BytesIO):
    """A body that records how many bytes were read."""

    read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.read_bytes += len(piece)
        return piece


@pytest.fixture(scope="module")
def mail_app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings.model_copy(update=SET_UP))
    yield app
    services(app).close()


@pytest.fixture
def client(mail_app: Flask) -> FlaskClient:
    return mail_app.test_client()


@pytest.fixture
def address(mail_app: Flask) -> str:
    return BounceAddresses(services(mail_app).settings).address(DELIVERY, 1) or ""


def post(client: FlaskClient, body: bytes | CountingBody, *, announced: bool = True, **query: str) -> TestResponse:
    stream = body if isinstance(body, CountingBody) else CountingBody(body)
    length = {"CONTENT_LENGTH": str(len(stream.getvalue()))} if announced else {"wsgi.input_terminated": True}
    return client.post(
        "/callbacks/mail",
        query_string=query,
        content_type="message/rfc822",
        environ_overrides={"wsgi.input": stream, **length},
    )


def receipts(database: Database) -> list[tuple[Any, ...]]:
    with system_scope(database) as connection:
        return connection.execute("SELECT status::text, error_code FROM receipts").fetchall()


@pytest.mark.parametrize("missing", list(SET_UP))
def test_without_bounce_settings_the_body_is_not_read(settings: Settings, missing: str) -> None:
    app = create_app(settings.model_copy(update={**SET_UP, missing: None}))
    body = CountingBody(b"To: g:" + b"a," * 50_000)

    answer = post(app.test_client(), body, recipient="bounce+x@bounces.example.org")
    services(app).close()

    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    assert "MAIL_BOUNCE_DOMAIN" in answer.get_json()["detail"]
    assert body.read_bytes == 0


@pytest.mark.parametrize(
    "hostile",
    [
        b"To: g:" + b"a," * 200_000,
        b"To: " + b"(" * 3_000,
        b"To: " + b"(" * 400_000,
        b"To: a\r\n " * 80_000,
        b"\xff" * 500_000,
    ],
    ids=["a long group", "deep comments", "deeper comments", "many headers", "no text"],
)
def test_a_mail_to_another_address_is_refused_after_its_head_is_read(
    client: FlaskClient, database: Database, hostile: bytes, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    body = CountingBody(hostile)

    answer = post(client, body)

    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    assert body.read_bytes <= HEAD_BYTES
    assert [line["event"] for line in log_lines()] == ["request refused: its sender is not verified", "request"]


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("signed", [True, False])
def test_a_mail_too_large_is_refused(client: FlaskClient, address: str, announced: bool, signed: bool) -> None:
    body = CountingBody(f"To: {address if signed else 'x'}\r\n\r\n".encode() + b"x" * 3 * MAX_BYTES)

    answer = post(client, body, announced=announced)

    assert answer.status_code == (413 if announced or signed else 403)
    assert answer.mimetype == "application/problem+json"
    assert body.read_bytes <= (0 if announced else MAX_BYTES + 1 if signed else HEAD_BYTES)
    if answer.status_code == 413:
        assert "1 MB" in answer.get_json()["detail"]


@pytest.mark.parametrize("announced", [True, False])
def test_a_bounce_that_contains_a_large_mail_is_read_completely(
    client: FlaskClient, database: Database, address: str, announced: bool
) -> None:
    report = delivery_report(address).replace(b"could not be delivered", b"x\r\n" * 100_000)

    assert post(client, report, announced=announced).status_code == 204
    assert receipts(database) == [("undelivered", "5.1.1")]


@pytest.mark.parametrize(
    "rest",
    [
        b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(5_000)),
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 100_000,
        b"Content-Type: message/delivery-status\r\n\r\n" + b"a: b\r\n\r\n" * 100_000,
        b"X: " + b"x" * 900_000,
    ],
    ids=["deep parts", "many parts", "many recipients", "a long header"],
)
def test_an_unreadable_mail_to_our_address_is_logged_in_one_line(
    client: FlaskClient, database: Database, address: str, rest: bytes, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    answer = post(client, f"To: {address}\r\n".encode() + rest)

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.get_json()["errors"][0]["message"].startswith("cannot be read: ")
    assert receipts(database) == []
    refused, _ = log_lines()
    assert (refused["event"], refused["delivery_id"]) == ("request refused: it cannot be read", str(DELIVERY))
