"""20,000 recipients, each with a phone number and a mail address, and a few addresses that cannot be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.chaos.parameters import MAIL

RECIPIENTS = 20_000

NO_SUCH_MAILBOX, MAILBOX_FULL = "gone@example.net", "full@example.net"
_UNREACHABLE_NUMBERS = (
    "+15005550001",  # refused: 21211
    "+15005550009",  # refused: 21614
    "+15005530005",  # undelivered
    "+15005530006",  # undelivered
    "+15005530007",  # failed
)
"""Numbers that the sandbox always refuses or fails, each in its own way."""
UNREACHABLE: Mapping[str, Sequence[str]] = {
    "sms": _UNREACHABLE_NUMBERS,
    "mms": _UNREACHABLE_NUMBERS,
    MAIL: (NO_SUCH_MAILBOX, MAILBOX_FULL),
}
"""By channel: addresses to which nothing can be delivered."""
REFUSED = frozenset({*_UNREACHABLE_NUMBERS[:2], *UNREACHABLE[MAIL]})
"""Those that the carrier refuses at submission."""


def address(channel: str, number: int) -> str:
    """The address of recipient `number` on the channel."""
    return _email(number) if channel == MAIL else _phone(number)


def contacts(size: int) -> list[dict[str, str]]:
    """The contacts of a church of that size, for the API. Churches share recipients, like families in two churches."""
    return [{"name": f"Person {number}", "phone": _phone(number), "email": _email(number)} for number in range(size)]


def contact_addresses(channel: str, size: int) -> tuple[str, ...]:
    """The addresses on the channel of all contacts of a church of that size."""
    return tuple(address(channel, number) for number in range(size))


def _phone(number: int) -> str:
    """A valid American number."""
    return f"+1{('202', '212')[number // 10_000]}555{number % 10_000:04d}"


def _email(number: int) -> str:
    return f"person-{number}@example.org"
