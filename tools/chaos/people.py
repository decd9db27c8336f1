"""Whom it is sent to: 20,000 people, each with a number and a mail address, and a few who can never be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MAIL = "mail"
PEOPLE = 20_000

NO_SUCH_MAILBOX, MAILBOX_FULL = "gone@example.net", "full@example.net"
_SPECIAL_NUMBERS = (
    "+15005550001",  # refused: 21211
    "+15005550009",  # refused: 21614
    "+15005530005",  # undelivered
    "+15005530006",  # undelivered
    "+15005530007",  # failed
)
"""Numbers that the sandbox refuses or fails, always the same way."""
SPECIAL: Mapping[str, Sequence[str]] = {
    "sms": _SPECIAL_NUMBERS,
    "mms": _SPECIAL_NUMBERS,
    MAIL: (NO_SUCH_MAILBOX, MAILBOX_FULL),
}
"""By channel: addresses that come to nothing, always."""
REFUSED = frozenset({*_SPECIAL_NUMBERS[:2], *SPECIAL[MAIL]})
"""Those of them that are never taken."""


def address(channel: str, number: int) -> str:
    """Where the `number`-th person is written to on the channel."""
    return _email(number) if channel == MAIL else _phone(number)


def contacts(size: int) -> list[dict[str, str]]:
    """The contacts of a church of that size, for the API. Churches share people, as families in two churches do."""
    return [{"name": f"Person {number}", "phone": _phone(number), "email": _email(number)} for number in range(size)]


def contact_addresses(channel: str, size: int) -> tuple[str, ...]:
    """All that a church of that size has on the channel."""
    return tuple(address(channel, number) for number in range(size))


def _phone(number: int) -> str:
    """A valid American number."""
    return f"+1{('202', '212')[number // 10_000]}555{number % 10_000:04d}"


def _email(number: int) -> str:
    return f"person-{number}@example.org"
