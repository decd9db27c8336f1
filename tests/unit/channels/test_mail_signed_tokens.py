"""Links and bounce addresses are signed, and forged ones are invalid."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from channels.mail.signed_tokens import BounceAddresses, UnsubscribeLinks
from tests.harness.mails import mail_settings

SETTINGS = mail_settings(mail_bounce_domain="bounces.example.org")
OTHER_SECRET = mail_settings(
    mail_bounce_domain="bounces.example.org", secret_key="another secret, as long as the first one is"
)


def token(url: str) -> str:
    return url.rpartition("/")[2]


def test_a_link_contains_its_delivery_id() -> None:
    links, delivery = UnsubscribeLinks(SETTINGS), uuid4()

    assert links.url(delivery).startswith("https://texts.example.org/unsubscribe/")
    assert links.delivery_of(token(links.url(delivery))) == delivery


def test_a_changed_link_is_invalid() -> None:
    links = UnsubscribeLinks(SETTINGS)
    good = token(links.url(uuid4()))

    for place in range(len(good) - 1):  # the last character has bits that are not used
        changed = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        assert links.delivery_of(changed) is None, place


@pytest.mark.parametrize("bad", ["", "A", "A" * 43, "A" * 1000, "ä", "../..", "%00", "=" * 43])
def test_a_malformed_link_is_invalid(bad: str) -> None:
    assert UnsubscribeLinks(SETTINGS).delivery_of(bad) is None


def test_a_link_signed_with_another_secret_is_invalid() -> None:
    good = token(UnsubscribeLinks(OTHER_SECRET).url(uuid4()))

    assert UnsubscribeLinks(SETTINGS).delivery_of(good) is None


def test_without_a_secret_nothing_is_signed() -> None:
    unset = mail_settings(smtp_url=None, secret_key=None)
    links = UnsubscribeLinks(unset)

    assert links.delivery_of(token(links.url(uuid4()))) is None


def bracketed(address: str) -> str:
    return f"<{address}>"


def plus_as_blank(address: str) -> str:
    return address.replace("+", " ")


@pytest.mark.parametrize("changed", [str, str.upper, str.title, bracketed, plus_as_blank])
def test_a_bounce_address_is_valid_in_any_case_and_notation(changed: Callable[[str], str]) -> None:
    addresses, delivery = BounceAddresses(SETTINGS), uuid4()

    address = addresses.address(delivery, 3)

    assert address is not None
    assert len(address.partition("@")[0]) <= 64  # RFC 5321, 4.5.3.1.1
    assert addresses.attempt_of(changed(address)) == (delivery, 3)


def test_a_changed_bounce_address_is_invalid() -> None:
    addresses, delivery = BounceAddresses(SETTINGS), uuid4()
    foreign = BounceAddresses(OTHER_SECRET).address(delivery, 1)
    good = addresses.address(delivery, 1)
    assert good is not None
    assert foreign is not None

    assert addresses.attempt_of(foreign) is None
    for place in range(len("bounce+"), good.index("@")):
        assert addresses.attempt_of(good[:place] + ("a" if good[place] != "a" else "b") + good[place + 1 :]) is None


@pytest.mark.parametrize("bad", ["", "@", "bounce+@bounces.example.org", "ruth@example.org", "bounce+ä@x"])
def test_a_malformed_bounce_address_is_invalid(bad: str) -> None:
    assert BounceAddresses(SETTINGS).attempt_of(bad) is None


def test_a_link_token_is_invalid_as_a_bounce_address() -> None:
    """Each kind of token is signed with a key of its own."""
    delivery = uuid4()
    link = UnsubscribeLinks(SETTINGS)
    assert link.delivery_of(token(UnsubscribeLinks(SETTINGS).url(delivery))) == delivery

    keys = [vars(of)["_key"] for of in (link, BounceAddresses(SETTINGS))]
    assert keys[0] != keys[1]


def test_without_a_domain_there_are_no_bounce_addresses() -> None:
    assert BounceAddresses(mail_settings()).address(uuid4(), 1) is None
