"""Bounces are found by their signed address and parsed within limits."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.incoming import ForgedRequest
from channels.mail.bounces import HEAD_BYTES, Bounce, find_attempt, read_bounce, takes_bounces
from channels.mail.mime_parts import MAX_DEPTH, MAX_PARTS, UnreadableMail
from channels.mail.signed_tokens import BounceAddresses
from messaging.states import Status
from tests.harness.mails import delivery_report, mail_settings

SETTINGS = mail_settings(mail_bounce_domain="bounces.example.org")
DELIVERY = UUID("0197a3f1-0c55-7be2-a6d4-58e1c9d0b7f3")
ADDRESS = BounceAddresses(SETTINGS).address(DELIVERY, 2) or ""


_PIECES = [
    *(
        b"Content-Type: ",
        b"multipart/mixed; ",
        b"boundary=",
        b"x",
        b'"',
        b"\r\n",
        b"\n",
        b"--x",
        b"--",
        b" ",
        b";",
        b"\0",
        b"\xff",
    ),
    *(
        b"message/delivery-status",
        b"Action: failed",
        b"Status: 5.1.1",
        b"\r\n\r\n",
        b"=?utf-8?q?",
        b"?=",
        b"*0*=",
        b":",
        b"%ff",
        b"(",
        b"'",
    ),
]


def read(raw: bytes, *, delivered_to: str | None = None) -> Bounce:
    """Find the address in the head, then parse the mail, as the route does."""
    about = find_attempt(raw[:HEAD_BYTES], delivered_to=delivered_to, settings=SETTINGS)
    return read_bounce(raw, about=about, settings=SETTINGS)


@pytest.mark.parametrize(
    ("status", "gone"),
    [
        ("5.1.1", True),
        ("5.1.10", True),
        ("5.2.1", True),
        ("5.2.2", False),
        ("5.7.1", False),
        ("4.4.7", False),
        ("4.1.1", False),
        ("rubbish", False),
    ],
)
def test_a_permanent_failure_makes_the_delivery_undelivered(status: str, gone: bool) -> None:
    bounce = read(delivery_report(ADDRESS, status=status))

    assert (bounce.delivery_id, bounce.attempt, bounce.address_is_dead) == (DELIVERY, 2, gone)
    assert bounce.receipt is not None
    assert bounce.receipt.status is Status.UNDELIVERED
    assert bounce.receipt.carrier_id == f"{DELIVERY}@texts.example.org"
    assert bounce.receipt.error_code == (status if status != "rubbish" else "5.0.0")


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", ""])
def test_a_report_without_a_permanent_failure_has_no_receipt(action: str) -> None:
    raw = delivery_report(ADDRESS, action=action, status="4.4.7")

    assert read(raw).receipt is None


def test_an_automatic_answer_has_no_receipt() -> None:
    raw = f"To: {ADDRESS}\r\nSubject: On holiday\r\n\r\nStatus: 5.1.1\r\nAction: failed\r\n".encode()

    assert read(raw).receipt is None


def test_the_address_is_read_from_the_query_or_from_a_recipient_header() -> None:
    elsewhere = delivery_report("postmaster@example.org")

    assert read(elsewhere, delivered_to=ADDRESS).delivery_id == DELIVERY
    for header in ("Delivered-To", "X-Original-To", "Envelope-To"):
        raw = f"{header}: {ADDRESS}\r\n".encode() + elsewhere
        assert read(raw).delivery_id == DELIVERY


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"no headers", delivery_report("someone@example.org"), b"To: <<<@@>\r\n"]
)
def test_a_mail_to_none_of_our_addresses_is_forged(raw: bytes) -> None:
    with pytest.raises(ForgedRequest):
        read(raw)


def test_a_broken_report_has_no_receipt() -> None:
    raw = f"To: {ADDRESS}\r\nContent-Type: multipart/report; boundary=x\r\n\r\n--x\r\n".encode()
    cut = delivery_report(ADDRESS)[:420]

    assert read(raw).receipt is None
    read(cut)


# --- hostile mails ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "To: g:" + "a," * 20_000 + "{}",
        "To: " + "(" * 3_000 + "{}",
        "To: " + '"\\' * 10_000 + "<{}>",
        "To: a\r\n " + "b\r\n " * 5_000 + "{}",
        "TO : x <{}>",
        "Received: x\r\nDelivered-To:{}",
    ],
)
def test_the_address_is_found_in_hostile_headers(header: str) -> None:
    raw = header.format(ADDRESS).encode() + b"\r\n\r\n"

    assert find_attempt(raw, delivered_to=None, settings=SETTINGS).delivery_id == DELIVERY


@pytest.mark.parametrize(
    "raw",
    [
        f"Subject: {ADDRESS}\r\n\r\n",
        f"\r\nTo: {ADDRESS}\r\n",
        f"Subject: x\r\n\r\nTo: {ADDRESS}\r\n",
        f"To: a\r\nX-To: {ADDRESS}\r\n\r\n",
        f"To: {ADDRESS.replace('bounce+', 'bounce+a')}\r\n\r\n",
    ],
)
def test_an_address_outside_the_recipient_headers_is_ignored(raw: str) -> None:
    with pytest.raises(ForgedRequest):
        find_attempt(raw.encode(), delivered_to=None, settings=SETTINGS)


def test_an_address_that_is_too_long_is_not_ours() -> None:
    with pytest.raises(ForgedRequest):
        find_attempt(b"", delivered_to=" " * 400 + ADDRESS, settings=SETTINGS)


@pytest.mark.parametrize(
    "missing", [{"mail_bounce_domain": None}, {"smtp_url": None}, {"smtp_url": None, "secret_key": None}]
)
def test_without_a_bounce_domain_or_a_mail_server_no_bounces_are_accepted(missing: dict[str, None]) -> None:
    assert takes_bounces(SETTINGS)
    assert takes_bounces(SETTINGS.model_copy(update={"mail_enabled": False}))
    assert not takes_bounces(SETTINGS.model_copy(update=missing))


def nested(depth: int, *, inner: bytes) -> bytes:
    """The part inside `depth` multiparts."""
    for level in range(depth):
        inner = (
            f'Content-Type: multipart/mixed; boundary="{level}"\r\n\r\n--{level}\r\n'.encode()
            + inner
            + f"\r\n--{level}--\r\n".encode()
        )
    return inner


REPORT = b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: x\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n"


def test_a_report_is_found_inside_other_parts() -> None:
    raw = f"To: {ADDRESS}\r\n".encode() + nested(MAX_DEPTH, inner=REPORT)

    assert read(raw).receipt is not None


def test_a_report_inside_the_returned_mail_is_ignored() -> None:
    raw = f"To: {ADDRESS}\r\n".encode() + nested(1, inner=b"Content-Type: message/rfc822\r\n\r\n" + REPORT)

    assert read(raw).receipt is None


@pytest.mark.parametrize(
    "rest",
    [
        nested(MAX_DEPTH + 1, inner=REPORT),
        nested(2_000, inner=REPORT),
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * (MAX_PARTS + 1),
        b"Content-Type: multipart/mixed; boundary=" + b"x" * 300,
        b"Content-Type: multipart/mixed" + b";" * 3_000 + b"boundary=x",
        b"Content-Type: multipart/mixed; boundary*=utf-8''%e4%b8%ad",
        b"X: " + b"x" * 70_000,
        nested(1, inner=REPORT.replace(b"Reporting-MTA: x", b"x\r\n\r\n" * 200)),
        nested(1, inner=REPORT.replace(b"Reporting-MTA: x", b"x: " + b"x" * 70_000)),
    ],
)
def test_a_mail_beyond_the_limits_is_refused_without_quoting_it(rest: bytes) -> None:
    raw = f"To: {ADDRESS}\r\n".encode() + rest

    with pytest.raises(UnreadableMail) as refused:
        read(raw)

    assert "bounce+" not in str(refused.value)
    assert len(str(refused.value)) < 80


@given(st.lists(st.sampled_from(_PIECES), max_size=40).map(b"".join))
def test_any_mail_to_our_address_is_a_bounce_or_unreadable(rest: bytes) -> None:
    about = find_attempt(b"", delivered_to=ADDRESS, settings=SETTINGS)
    with suppress(UnreadableMail):
        read_bounce(rest, about=about, settings=SETTINGS)
