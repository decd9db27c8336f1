"""POST /callbacks/sms/…: only what the carrier signed is stored, and a repeated receipt changes nothing.

Through Flask, as under any WSGI server; tests/integration/web/ has those for the event loop of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from psycopg import OperationalError
from redis import Redis
from twilio.request_validator import RequestValidator

from store import receipts
from store.database import Database, system_scope
from store.receipts import Receipt
from tests.harness.waiting import wait_until
from tests.integration.api.conftest import PUBLIC_URL, TWILIO_TOKEN


def address_of(delivery_id: UUID, attempt: int = 1) -> str:
    return f"/callbacks/sms/{delivery_id}/{attempt}"


def a_form(status: str = "delivered", **more: str) -> dict[str, str]:
    return {"MessageSid": f"SM{uuid4().hex}", "MessageStatus": status, "To": "+12025550123", **more}


def signed(address: str, form: dict[str, str], *, token: str = TWILIO_TOKEN) -> dict[str, str]:
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(PUBLIC_URL + address, form)}


def receipts_of(database: Database, delivery_id: UUID) -> list[tuple[str, str, str | None]]:
    with system_scope(database) as connection:
        return connection.execute(
            "SELECT carrier_id, status::text, error_code FROM receipts WHERE delivery_id = %s", (delivery_id,)
        ).fetchall()


def refused_so_far(database: Database) -> int:
    with system_scope(database) as connection:
        row = connection.execute("SELECT coalesce(sum(refused), 0) FROM refused_callbacks").fetchone()
    assert row is not None
    return int(row[0])


def test_a_signed_callback_is_stored_and_its_job_enqueued(
    client: FlaskClient, database: Database, redis_url: str
) -> None:
    delivery_id, form = uuid4(), a_form("failed", ErrorCode="30006", SomethingNew="yes")
    address = address_of(delivery_id)
    redis = Redis.from_url(redis_url)
    redis.delete("koinonia:pending:apply_receipts")

    answer = client.post(address, data=form, headers=signed(address, form))

    assert (answer.status_code, answer.data) == (204, b"")
    assert receipts_of(database, delivery_id) == [(form["MessageSid"], "failed", "30006")]
    wait_until(lambda: redis.exists("koinonia:pending:apply_receipts"))


def test_the_query_belongs_to_the_signed_address(client: FlaskClient, database: Database) -> None:
    delivery_id, form = uuid4(), a_form()
    address = address_of(delivery_id) + "?edition=2&x=%20"

    assert client.post(address, data=form, headers=signed(address, form)).status_code == 204
    assert len(receipts_of(database, delivery_id)) == 1


def test_the_same_receipt_twice_is_stored_once(client: FlaskClient, database: Database) -> None:
    delivery_id, form = uuid4(), a_form()
    address = address_of(delivery_id)

    for _ in range(2):
        assert client.post(address, data=form, headers=signed(address, form)).status_code == 204
    assert len(receipts_of(database, delivery_id)) == 1


def test_an_intermediate_status_is_accepted_and_not_stored(client: FlaskClient, database: Database) -> None:
    delivery_id, form = uuid4(), a_form("queued")
    address = address_of(delivery_id)

    assert client.post(address, data=form, headers=signed(address, form)).status_code == 204
    assert receipts_of(database, delivery_id) == []


@pytest.mark.parametrize("forgery", ["unsigned", "other token", "other attempt", "changed form"])
def test_a_forged_callback_is_refused(client: FlaskClient, database: Database, forgery: str) -> None:
    delivery_id, form = uuid4(), a_form()
    address = address_of(delivery_id)
    headers = {
        "unsigned": {},
        "other token": signed(address, form, token="x" * 32),
        "other attempt": signed(address_of(delivery_id, 2), form),
        "changed form": signed(address, form | {"MessageStatus": "sent"}),
    }[forgery]

    answer = client.post(address, data=form, headers=headers)

    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    assert receipts_of(database, delivery_id) == []


def test_a_signed_callback_without_its_fields_is_refused_with_the_field(client: FlaskClient) -> None:
    address, form = address_of(uuid4()), {"MessageStatus": "sent"}

    answer = client.post(address, data=form, headers=signed(address, form))

    assert answer.status_code == 422
    assert "MessageSid" in answer.get_json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "address",
    [
        "/callbacks/fax/{}/1",
        "/callbacks/pigeon/{}/1",
        "/callbacks/sms/{}/0",
        "/callbacks/sms/{}/32768",
        "/callbacks/sms/x/1",
    ],
)
def test_an_unknown_callback_address_answers_404(client: FlaskClient, address: str) -> None:
    assert client.post(address.format(uuid4()), data=a_form()).status_code == 404


@pytest.mark.parametrize("body", [b"MessageSid=SM1&MessageStatus=sent", b"%ff%00&&=&=x", b"x" * 60_000])
def test_an_unsigned_callback_is_refused_whatever_its_body(
    client: FlaskClient, database: Database, body: bytes
) -> None:
    delivery_id = uuid4()
    kind = "application/x-www-form-urlencoded; charset=utf-8"

    answer = client.post(address_of(delivery_id), data=body, content_type=kind)

    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    assert receipts_of(database, delivery_id) == []


def test_the_response_to_a_callback_has_the_headers_of_every_response(client: FlaskClient) -> None:
    delivery_id, form = uuid4(), a_form()
    address = address_of(delivery_id)

    named = client.post(address, data=form, headers={**signed(address, form), "X-Request-ID": "mine"})
    unnamed = client.post(address, data=form, headers=signed(address, form))

    assert named.headers["X-Request-ID"] == "mine"
    assert len(unnamed.headers["X-Request-ID"]) == 36
    assert named.headers["X-Content-Type-Options"] == "nosniff"


def test_a_forged_callback_is_verified_once_and_counted_once(
    client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate: Callable[..., bool] = RequestValidator.validate  # pyright: ignore[reportUnknownVariableType]
    calls = list[str]()

    def count(self: RequestValidator, uri: str, params: object, signature: str) -> bool:
        calls.append(signature)
        return validate(self, uri, params, signature)

    monkeypatch.setattr(RequestValidator, "validate", count)
    before = refused_so_far(database)

    answer = client.post(address_of(uuid4()), data=a_form(), headers={"X-Twilio-Signature": "forged"})

    assert (answer.status_code, calls) == (403, ["forged"])
    assert refused_so_far(database) == before + 1


def test_an_unreachable_database_is_tried_once(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = list[Receipt]()

    def fail(_: object, received: Sequence[Receipt]) -> None:
        tried.extend(received)
        raise OperationalError("the database is away")

    monkeypatch.setattr(receipts, "insert", fail)
    form, address = a_form(), address_of(uuid4())

    answer = client.post(address, data=form, headers=signed(address, form))

    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert answer.headers["Retry-After"]
    assert len(tried) == 1


def test_another_method_is_not_allowed(client: FlaskClient) -> None:
    answer = client.get(address_of(uuid4()))

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_another_media_type_is_refused(client: FlaskClient) -> None:
    answer = client.post(address_of(uuid4()), data=b"{}", content_type="application/json")

    assert (answer.status_code, answer.mimetype) == (415, "application/problem+json")


@pytest.mark.parametrize("announced", [True, False])
def test_a_callback_too_large_is_refused_before_its_form_is_read(client: FlaskClient, announced: bool) -> None:
    """Verifying a signature costs time in proportion to the form, and the sender is not known yet."""
    body = b"a&" * 1_000_000
    length = {} if announced else {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}

    answer = client.post(
        address_of(uuid4()), data=body, content_type="application/x-www-form-urlencoded", environ_overrides=length
    )

    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")
    assert "64 kB" in answer.get_json()["detail"]


def test_a_form_of_too_many_fields_is_refused_whoever_signed_it(client: FlaskClient, database: Database) -> None:
    delivery_id = uuid4()
    form = a_form(**{f"Field{number}": "x" for number in range(200)})
    address = address_of(delivery_id)

    answer = client.post(address, data=form, headers=signed(address, form))

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert "more than 200 fields" in answer.get_json()["errors"][0]["message"]
    assert receipts_of(database, delivery_id) == []
