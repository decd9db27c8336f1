"""Creating messages with the official library."""

import asyncio
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client
from twilio_clients import async_client, sync_client

from tools.sandbox.control import Sandbox
from tools.sandbox.credentials import ACCOUNT_SID

SENDER = "+15005550006"
MEMBER = "+15551230001"
SERVICE = "MG" + "0" * 32


def test_a_message_is_accepted_with_all_fields_of_twilio(client: Client, carrier: Sandbox) -> None:
    message = client.messages.create(to=MEMBER, from_=SENDER, body='Grüße & "peace"\n+1 😀 100%')

    assert message.sid is not None
    assert message.sid.startswith("SM")
    assert len(message.sid) == 34
    assert (message.to, message.from_, message.account_sid) == (MEMBER, SENDER, ACCOUNT_SID)
    assert message.body == 'Grüße & "peace"\n+1 😀 100%'
    assert (message.status, message.direction, message.api_version) == ("queued", "outbound-api", "2010-04-01")
    assert (message.num_segments, message.num_media) == ("1", "0")
    assert message.date_created is not None
    assert (message.date_sent, message.error_code, message.error_message, message.price) == (None,) * 4
    assert message.price_unit == "USD"
    assert message.messaging_service_sid is None
    assert message.uri == f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{message.sid}.json"
    assert message.subresource_uris == {
        "media": f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{message.sid}/Media.json"
    }
    assert [row.sid for row in carrier.ledger()] == [message.sid]


def test_the_asynchronous_client_creates_messages(carrier: Sandbox) -> None:
    async def send_many() -> list[str | None]:
        async with async_client(carrier.base_url) as client:
            sent = await asyncio.gather(
                *(client.messages.create_async(to=f"+1555123{n:04d}", from_=SENDER, body="Hello") for n in range(50))
            )
            return [message.sid for message in sent]

    sids = asyncio.run(send_many())

    assert sorted(row.sid for row in carrier.ledger()) == sorted(str(sid) for sid in sids)
    assert carrier.summary().recipients == 50


def test_a_delivered_message_has_a_date_and_a_price(client: Client, carrier: Sandbox) -> None:
    sid = client.messages.create(to=MEMBER, from_=SENDER, body="Hello").sid
    carrier.wait_until_quiet()

    message = client.messages(str(sid)).fetch()

    assert message.status == "delivered"
    assert message.date_sent is not None
    assert message.price == "-0.00790"


@pytest.mark.parametrize(
    ("body", "segments"),
    [
        ("a" * 160, "1"),
        ("a" * 161, "2"),
        ("a" * 306, "2"),
        ("a" * 307, "3"),
        ("€" * 80, "1"),
        ("€" * 81, "2"),
        ("ø" * 160, "1"),
        ("”" * 70, "1"),
        ("”" * 71, "2"),
        ("😀" * 35, "1"),
        ("😀" * 36, "2"),
        ("a" * 1600, "11"),
    ],
)
def test_segments_are_counted_as_by_twilio(client: Client, body: str, segments: str) -> None:
    assert client.messages.create(to=MEMBER, from_=SENDER, body=body).num_segments == segments


def test_a_message_with_media_is_an_mms(client: Client) -> None:
    urls = [f"https://church.example/flyer-{n}.png" for n in range(10)]

    message = client.messages.create(to=MEMBER, from_=SENDER, media_url=urls)

    assert str(message.sid).startswith("MM")
    assert (message.num_media, message.num_segments, message.body) == ("10", "1", "")
    assert client.messages(str(message.sid)).fetch().sid == message.sid


def test_a_messaging_service_chooses_the_sender_after_acceptance(client: Client, carrier: Sandbox) -> None:
    message = client.messages.create(to=MEMBER, messaging_service_sid=SERVICE, body="Hello")
    assert (message.status, message.from_, message.num_segments) == ("accepted", None, "0")

    carrier.wait_until_quiet()

    message = client.messages(str(message.sid)).fetch()
    assert (message.status, message.from_, message.num_segments) == ("delivered", SENDER, "1")
    assert message.messaging_service_sid == SERVICE


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (21604, {"to": ""}),
        (21211, {"to": "5551230001"}),
        (21211, {"to": "+1555"}),
        (21211, {"to": '+1555"0001\r\n'}),
        (21211, {"to": "+15005550001"}),
        (21612, {"to": "+15005550002"}),
        (21408, {"to": "+15005550003"}),
        (21610, {"to": "+15005550004"}),
        (21614, {"to": "+15005550009"}),
        (21603, {"from_": None}),
        (21212, {"from_": "+15005550001"}),
        (21606, {"from_": "+15005550002"}),
        (21606, {"from_": "+15005550007"}),
        (21606, {"from_": '"quoted"'}),
        (21611, {"from_": "+15005550008"}),
        (21602, {"body": None}),
        (21617, {"body": "a" * 1601}),
        (21609, {"status_callback": "ftp://church.example"}),
        (21609, {"status_callback": "http://church.example/\r\nX-Evil: 1"}),
        (21602, {"body": None, "media_url": []}),
        (21620, {"media_url": ["not a url"]}),
        (21620, {"body": None, "media_url": [""]}),
        (21623, {"media_url": ["https://church.example/a.png"] * 11}),
    ],
)
def test_an_invalid_request_gets_twilios_code_and_creates_nothing(
    client: Client, carrier: Sandbox, code: int, change: dict[str, Any]
) -> None:
    request: dict[str, Any] = {"to": MEMBER, "from_": SENDER, "body": "Hello"} | change

    with pytest.raises(TwilioRestException) as refusal:
        client.messages.create(**{name: value for name, value in request.items() if value is not None})

    assert (refusal.value.status, refusal.value.code) == (400, code)
    assert carrier.ledger() == []


def test_a_wrong_token_is_refused(carrier: Sandbox) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        sync_client(carrier.base_url, token="wrong").messages.create(to=MEMBER, from_=SENDER, body="Hello")

    assert (refusal.value.status, refusal.value.code) == (401, 20003)
    assert carrier.ledger() == []


@pytest.mark.parametrize("sid", ["SM" + "0" * 32, "SMunknown", "SM" + "z" * 32])
def test_an_unknown_sid_is_not_found(client: Client, sid: str) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        client.messages(sid).fetch()

    assert (refusal.value.status, refusal.value.code) == (404, 20404)


FAILURES = {
    ("+15005530001", "failed", 30001),
    ("+15005530002", "failed", 30002),
    ("+15005530003", "undelivered", 30003),
    ("+15005530005", "undelivered", 30005),
    ("+15005530006", "undelivered", 30006),
    ("+15005530007", "failed", 30007),
    ("+15005530008", "undelivered", 30008),
    ("+15005530011", "undelivered", 30011),
    ("+15005530019", "undelivered", 30019),
    ("+15005511200", "failed", 11200),
    ("+15005511751", "failed", 11751),
    ("+15005512300", "failed", 12300),
    ("+15005530034", "undelivered", 30034),
}


def test_some_numbers_fail_after_acceptance(client: Client, carrier: Sandbox) -> None:
    for to, _, _ in FAILURES:
        client.messages.create(to=to, from_=SENDER, body="Hello")
    carrier.wait_until_quiet()

    messages = client.messages.list()

    assert {(message.to, message.status, message.error_code) for message in messages} == FAILURES
    assert all(message.error_message for message in messages)
