"""Mails that came back."""

from __future__ import annotations

from uuid import uuid4

import pytest

from channels.base import ForgedCallback
from channels.mail.bounces import read_bounce
from channels.mail.signatures import BounceAddresses
from messaging.states import Status
from tests.harness.mails import delivery_report, mail_settings

SETTINGS = mail_settings(mail_bounce_domain="bounces.example.org")
DELIVERY = uuid4()
ADDRESS = BounceAddresses(SETTINGS).address(DELIVERY, 2) or ""


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
def test_a_failure_for_good_ends_the_attempt(status: str, gone: bool) -> None:
    bounce = read_bounce(delivery_report(ADDRESS, status=status), delivered_to=None, settings=SETTINGS)

    assert (bounce.delivery_id, bounce.attempt, bounce.gone) == (DELIVERY, 2, gone)
    assert bounce.receipt is not None
    assert bounce.receipt.status is Status.UNDELIVERED
    assert bounce.receipt.carrier_id == f"{DELIVERY}@texts.example.org"
    assert bounce.receipt.error_code == (status if status != "rubbish" else "5.0.0")


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", ""])
def test_anything_less_says_nothing(action: str) -> None:
    raw = delivery_report(ADDRESS, action=action, status="4.4.7")

    assert read_bounce(raw, delivered_to=None, settings=SETTINGS).receipt is None


def test_an_automatic_answer_says_nothing() -> None:
    raw = f"To: {ADDRESS}\r\nSubject: On holiday\r\n\r\nStatus: 5.1.1\r\nAction: failed\r\n".encode()

    assert read_bounce(raw, delivered_to=None, settings=SETTINGS).receipt is None


def test_the_address_may_come_from_the_mail_server_or_from_any_header_it_leaves() -> None:
    elsewhere = delivery_report("postmaster@example.org")

    assert read_bounce(elsewhere, delivered_to=ADDRESS, settings=SETTINGS).delivery_id == DELIVERY
    for header in ("Delivered-To", "X-Original-To", "Envelope-To"):
        raw = f"{header}: {ADDRESS}\r\n".encode() + elsewhere
        assert read_bounce(raw, delivered_to=None, settings=SETTINGS).delivery_id == DELIVERY


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"no headers", delivery_report("someone@example.org"), b"To: <<<@@>\r\n"]
)
def test_what_came_to_none_of_our_addresses_is_forged(raw: bytes) -> None:
    with pytest.raises(ForgedCallback):
        read_bounce(raw, delivered_to=None, settings=SETTINGS)


def test_a_report_that_is_broken_says_nothing() -> None:
    raw = f"To: {ADDRESS}\r\nContent-Type: multipart/report; boundary=x\r\n\r\n--x\r\n".encode()
    cut = delivery_report(ADDRESS)[:420]

    assert read_bounce(raw, delivered_to=None, settings=SETTINGS).receipt is None
    read_bounce(cut, delivered_to=None, settings=SETTINGS)
