"""20,000 recipients, each with a name, a number and a mail address, and a few addresses that cannot be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tools.chaos.parameters import MAIL

RECIPIENTS = 20_000
MERGE_FIELDS = "for {{firstName|friend}}, our {{ role | friend }}"
"""In the texts that differ from person to person."""

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


def contacts(size: int) -> list[dict[str, Any]]:
    """The contacts of a church of that size, for the API. Churches share recipients, like families in two churches."""
    return [
        {
            "name": f"{_first_name(number)} Person",
            "phone": _phone(number),
            "email": _email(number),
            "fields": {} if _has_no_role(number) else {"role": _role(number)},
        }
        for number in range(size)
    ]


def contact_addresses(channel: str, size: int) -> tuple[str, ...]:
    """The addresses on the channel of all contacts of a church of that size."""
    return tuple(address(channel, number) for number in range(size))


def merged_text(text: str, address: str) -> str:
    """The text as the contact with the address must get it. `text` has no merge fields but those of MERGE_FIELDS."""
    if MERGE_FIELDS not in text:
        return text
    number = _number_of(address)
    role = "friend" if _has_no_role(number) else _role(number)
    return text.replace(MERGE_FIELDS, f"for {_first_name(number)}, our {role}")


def _number_of(address: str) -> int:
    """The number of the recipient who has the address."""
    if "@" in address:
        return int(address.removeprefix("person-").partition("@")[0])
    return 10_000 * ("+1202", "+1212").index(address[:5]) + int(address[-4:])


def _first_name(number: int) -> str:
    return f"Given{number}"


def _role(number: int) -> str:
    """The value of the church's own field `role`."""
    return f"singer{number}"


def _has_no_role(number: int) -> bool:
    """Whether the default of the merge field must be used."""
    return number % 7 == 6


def _phone(number: int) -> str:
    """A valid American number."""
    return f"+1{('202', '212')[number // 10_000]}555{number % 10_000:04d}"


def _email(number: int) -> str:
    return f"person-{number}@example.org"
