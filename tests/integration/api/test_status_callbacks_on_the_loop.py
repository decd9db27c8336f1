"""Which callbacks the event loop takes, how often each is verified, and what is answered when they cannot be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from flask import Flask
from psycopg import OperationalError
from psycopg.errors import LockNotAvailable
from twilio.request_validator import RequestValidator

from api.channel_routes.status_callbacks import StatusCallbacks
from api.server import loop_handler
from api.server.responses import SerializedResponse
from api.services import services
from channels.twilio import webhook_signature
from store import receipts
from store.database import Database, system_scope
from store.errors import OutcomeUnknown
from tests.harness.status_callbacks import SignedCallbacks, StatusCallback
from tests.integration.api.conftest import PUBLIC_URL, TWILIO_TOKEN

SIGNED = SignedCallbacks(public_url=PUBLIC_URL, token=TWILIO_TOKEN)
FORGED = SignedCallbacks(public_url=PUBLIC_URL, token="x" * 32)


@pytest.fixture
def handler(app: Flask) -> StatusCallbacks:
    return app.extensions[loop_handler.EXTENSION]


def ask(handler: StatusCallbacks, *callbacks: StatusCallback) -> list[SerializedResponse | None]:
    """The response to each, in one set; None for those that the event loop does not take."""

    def begin(callback: StatusCallback) -> Awaitable[SerializedResponse | None]:
        response: asyncio.Future[SerializedResponse | None] = asyncio.get_running_loop().create_future()
        recognized = handler.recognize(callback.head())
        if recognized is None or not handler.take(recognized, callback.body(), response.set_result):
            response.set_result(None)
        return response

    async def run() -> list[SerializedResponse | None]:
        return await asyncio.gather(*map(begin, callbacks))

    return asyncio.run(run())


def statuses(responses: list[SerializedResponse | None]) -> list[bytes | None]:
    return [each and each.data.split(b" ")[1] for each in responses]


def stored(database: Database) -> list[str]:
    with system_scope(database) as connection:
        return [row[0] for row in connection.execute("SELECT carrier_id FROM receipts ORDER BY carrier_id")]


def test_callbacks_are_stored_in_one_transaction(handler: StatusCallbacks, database: Database) -> None:
    callbacks = [SIGNED.callback() for _ in range(20)]

    assert statuses(ask(handler, *callbacks)) == [b"204"] * 20

    assert stored(database) == sorted(each.carrier_id for each in callbacks)
    with system_scope(database) as connection:
        assert connection.execute("SELECT count(DISTINCT xmin::text) FROM receipts").fetchone() == (1,)


def test_callbacks_are_measured_like_other_requests(app: Flask, handler: StatusCallbacks) -> None:
    services(app).measurements.take()
    ask(handler, *(SIGNED.callback() for _ in range(3)))

    measured = [each for each in services(app).measurements.take() if each.name == "koinonia_request_seconds_bucket"]
    assert sum(each.value for each in measured) == 3
    assert {(each.labels["method"], each.labels["route"], each.labels["status"]) for each in measured} == {
        ("POST", "/callbacks/sms/{delivery_id}/{attempt}", "2xx")
    }


@pytest.mark.parametrize("status", ["accepted", "queued", "sending", "something new"])
def test_a_callback_that_reports_nothing_new_needs_no_database(
    handler: StatusCallbacks, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.delattr(receipts, "insert")

    assert statuses(ask(handler, SIGNED.callback(status))) == [b"204"]


@pytest.mark.parametrize(
    "callback",
    [
        FORGED.callback(),
        SIGNED.callback(MessageSid=""),
        SIGNED.callback(MessageSid="SM\x07"),
        SIGNED.callback(Large="x" * 2_048),
        SIGNED.callback(**{f"Field{number}": "x" for number in range(64)}),
        SIGNED.callback(query="?edition=2"),
    ],
    ids=["forged", "without an id", "with control characters", "large", "of many fields", "with a query"],
)
def test_the_event_loop_takes_no_other_callback(
    handler: StatusCallbacks, database: Database, callback: StatusCallback
) -> None:
    assert ask(handler, callback) == [None]
    assert stored(database) == []


def test_a_genuine_callback_is_verified_once(handler: StatusCallbacks, monkeypatch: pytest.MonkeyPatch) -> None:
    sign: Callable[[str, str, dict[str, str]], bytes] = webhook_signature._signature  # pyright: ignore
    urls = list[str]()

    def count(token: str, url: str, form: dict[str, str]) -> bytes:
        urls.append(url)
        return sign(token, url, form)

    monkeypatch.setattr(webhook_signature, "_signature", count)
    monkeypatch.delattr(RequestValidator, "validate")
    callback = SIGNED.callback()

    assert statuses(ask(handler, callback)) == [b"204"]
    assert urls == [PUBLIC_URL + callback.path]


def test_the_event_loop_never_tries_the_variants_of_a_signature(
    handler: StatusCallbacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take ten times as long, and whoever forges callbacks may send many."""
    tried = list[str]()

    def note(_: RequestValidator, uri: str, *__: object) -> bool:
        tried.append(uri)
        return False

    monkeypatch.setattr(RequestValidator, "validate", note)

    assert ask(handler, FORGED.callback()) == [None]
    assert tried == []


def test_a_forged_callback_is_refused_before_its_fields_are_judged(handler: StatusCallbacks) -> None:
    """Neither is it answered on the event loop because it reports nothing new."""
    assert ask(handler, FORGED.callback("sending"), FORGED.callback(MessageSid="")) == [None, None]


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (OperationalError("away"), b"problem-unavailable"),
        (LockNotAvailable("locked"), b"problem-unavailable"),
        (OutcomeUnknown("lost"), b"problem-outcome-unknown"),
    ],
)
def test_callbacks_that_cannot_be_stored_are_answered_503_and_tried_once(
    handler: StatusCallbacks, monkeypatch: pytest.MonkeyPatch, error: Exception, problem: bytes
) -> None:
    tried = list[int]()

    def fail(_: object, received: list[object]) -> None:
        tried.append(len(received))
        raise error

    monkeypatch.setattr(receipts, "insert", fail)

    responses = ask(handler, SIGNED.callback(), SIGNED.callback(), SIGNED.callback("sending"))

    assert statuses(responses) == [b"503", b"503", b"204"]
    assert tried == [2]
    for response in responses[:2]:
        assert response is not None
        head, _, body = response.data.partition(b"\r\n\r\n")
        assert b"\r\nRetry-After: 5\r\n" in head
        assert b"\r\nContent-Type: application/problem+json\r\n" in head
        assert problem in body


def test_an_unexpected_error_is_answered_500_and_logged_once(
    handler: StatusCallbacks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(receipts, "insert", fail)

    assert statuses(ask(handler, SIGNED.callback(), SIGNED.callback())) == [b"500", b"500"]
    assert ["receipts could not be stored" in each.getMessage() for each in caplog.records] == [True]


def test_callbacks_beyond_those_that_may_wait_are_answered_503(
    app: Flask, handler: StatusCallbacks, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler._writer, "_most_waiting", 3)  # pyright: ignore[reportPrivateUsage]
    callbacks = [SIGNED.callback() for _ in range(5)]
    services(app).measurements.take()

    responses = ask(handler, *callbacks)

    assert statuses(responses) == [b"204", b"204", b"204", b"503", b"503"]
    assert responses[4] is not None
    assert b"\r\nRetry-After: 5\r\n" in responses[4].data
    assert b"Nothing was stored" in responses[4].data
    assert stored(database) == sorted(each.carrier_id for each in callbacks[:3])
    assert statuses(ask(handler, SIGNED.callback())) == [b"204"]
    refused = [each for each in services(app).measurements.take() if each.name == "koinonia_callbacks_refused_total"]
    assert [(dict(each.labels), each.value) for each in refused] == [
        ({"channel": "sms", "reason": "too many waiting"}, 2)
    ]


def test_the_response_names_the_request_and_may_close_the_connection(handler: StatusCallbacks) -> None:
    [open_ended] = ask(handler, SIGNED.callback())
    handler.keep_alive = False
    [last] = ask(handler, SIGNED.callback())
    handler.keep_alive = True

    assert open_ended is not None
    assert last is not None
    assert (open_ended.closes, last.closes) == (False, True)
    assert b"\r\nConnection: keep-alive\r\n" in open_ended.data
    assert b"\r\nConnection: close\r\n" in last.data
    for name in (b"Date", b"X-Request-ID", b"X-Content-Type-Options", b"Content-Security-Policy", b"Cache-Control"):
        assert b"\r\n" + name + b": " in open_ended.data
    assert b"Content-Length" not in open_ended.data  # RFC 9110, section 8.6: not in a 204
