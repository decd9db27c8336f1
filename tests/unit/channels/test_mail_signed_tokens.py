"""Links and bounce addresses are signed, and forged ones are invalid."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from channels.incoming import LinkRecipient
from channels.mail.signed_tokens import BounceAddresses, UnsubscribeLinks
from settings import Settings
from tests.harness.mails import mail_settings

SETTINGS = mail_settings(mail_bounce_domain="bounces.example.org")
OTHER_SECRET = mail_settings(
    mail_bounce_domain="bounces.example.org", secret_key="another secret, as long as the first one is"
)


def token(url: str) -> str:
    return url.rpartition("/")[2]


CHURCH, RUTH = uuid4(), "ruth@example.org"


def link_of(delivery: UUID, *, settings: Settings = SETTINGS, address: str = RUTH) -> str:
    return UnsubscribeLinks(settings).url(delivery, church_id=CHURCH, address=address)


@pytest.mark.parametrize("address", [RUTH, "a@b.c", "x" * 64 + "@" + "y" * 180 + ".org"])
def test_a_link_names_its_delivery_its_church_and_its_recipient(address: str) -> None:
    delivery = uuid4()
    url = link_of(delivery, address=address)

    assert url.startswith("https://texts.example.org/unsubscribe/")
    assert UnsubscribeLinks(SETTINGS).recipient_of(token(url)) == LinkRecipient(
        delivery_id=delivery, church_id=CHURCH, address=address
    )


def test_a_link_reveals_neither_church_nor_address() -> None:
    decoded = base64.urlsafe_b64decode(token(link_of(uuid4())) + "==")

    assert CHURCH.bytes not in decoded
    assert b"ruth" not in decoded
    assert b"example" not in decoded


def test_two_links_to_one_recipient_have_no_part_in_common() -> None:
    one, other = (base64.urlsafe_b64decode(token(link_of(uuid4())) + "==")[16:] for _ in range(2))

    assert sum(a == b for a, b in zip(one, other, strict=True)) < 8


def test_a_link_of_an_earlier_release_names_its_delivery() -> None:
    delivery = uuid4()
    signed = delivery.bytes + hmac.digest(vars(UnsubscribeLinks(SETTINGS))["_key"], delivery.bytes, "sha256")[:16]

    found = UnsubscribeLinks(SETTINGS).recipient_of(base64.urlsafe_b64encode(signed).decode().rstrip("="))

    assert found == LinkRecipient(delivery_id=delivery)


def test_a_shortened_link_is_invalid() -> None:
    good = token(link_of(uuid4()))

    assert [UnsubscribeLinks(SETTINGS).recipient_of(good[:end]) for end in range(len(good))] == [None] * len(good)


def test_a_changed_link_is_invalid() -> None:
    links = UnsubscribeLinks(SETTINGS)
    good = token(link_of(uuid4(), address="ruth@example.com"))

    for place in range(len(good) - 1):  # the last character has bits that are not used
        changed = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        assert links.recipient_of(changed) is None, place


@pytest.mark.parametrize("bad", ["", "A", "A" * 43, "A" * 1000, "ä", "../..", "%00", "=" * 43])
def test_a_malformed_link_is_invalid(bad: str) -> None:
    assert UnsubscribeLinks(SETTINGS).recipient_of(bad) is None


def test_a_link_signed_with_another_secret_is_invalid() -> None:
    good = token(link_of(uuid4(), settings=OTHER_SECRET))

    assert UnsubscribeLinks(SETTINGS).recipient_of(good) is None


def test_without_a_secret_nothing_is_signed() -> None:
    unset = mail_settings(smtp_url=None, secret_key=None)
    links = UnsubscribeLinks(unset)

    assert links.recipient_of(token(link_of(uuid4(), settings=unset))) is None


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
    assert BounceAddresses(SETTINGS).attempt_of(f"{token(link_of(delivery))}@bounces.example.org") is None

    keys = [vars(of)["_key"] for of in (link, BounceAddresses(SETTINGS))]
    assert keys[0] != keys[1]


def test_without_a_domain_there_are_no_bounce_addresses() -> None:
    assert BounceAddresses(mail_settings()).address(uuid4(), 1) is None
