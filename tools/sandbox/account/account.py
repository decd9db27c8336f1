"""What the account has. A test replaces it through the control API."""

import re
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import sha256
from typing import Any, cast

from tools.sandbox.messages.magic_numbers import GOOD_SENDER, sender_error

_TOLL_FREE = re.compile(r"\+18(00|33|44|55|66|77|88)")
DEFAULT_SERVICE = "MG" + "5a" * 16


class AccountError(ValueError):
    """The account cannot be set as requested."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The account as JSON sets it. By default it is in order, and owns every number from which the sandbox sends."""

    status: str = "active"
    """`active`, `suspended` or `closed`."""
    type: str = "Full"
    """`Full` or `Trial`."""
    balance: str | None = "100.00"
    """None: a subaccount, which has no balance."""
    currency: str = "USD"
    owns_every_number: bool = True
    """Whether a number that is looked up by itself is in the account, unless the sandbox refuses to send from it."""
    numbers: tuple[str, ...] = (GOOD_SENDER,)
    without_mms: tuple[str, ...] = ()
    """Those of the numbers that cannot send pictures."""
    services: dict[str, tuple[str, ...]] = field(default_factory=lambda: {DEFAULT_SERVICE: (GOOD_SENDER,)})
    """The numbers in the sender pool of each messaging service, by its sid."""
    campaigns: dict[str, str] = field(default_factory=lambda: {DEFAULT_SERVICE: "VERIFIED"})
    """The status of the campaign of each service that has one."""
    toll_free: dict[str, str] = field(default_factory=dict[str, str])
    """The status of the verification of each toll-free number that has one."""

    @classmethod
    def from_json(cls, value: Any) -> "Account":
        """Raises AccountError if a name is unknown."""
        known = {each.name for each in fields(cls)}
        if not isinstance(value, dict) or not cast(dict[str, Any], value).keys() <= known:
            raise AccountError(f"must be an object with some of {', '.join(sorted(known))}")
        return cls(**cast(dict[str, Any], value))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def with_number(self, number: str) -> "Account":
        """Return the account after a look-up of the number: if it owns every number, it has this one from now on.

        It joins the pool of the default service, whose campaign is verified; a toll-free number is approved.
        """
        if not self.owns_every_number or number in self.numbers or sender_error(number) is not None:
            return self
        pool = (*self.services.get(DEFAULT_SERVICE, ()), number)
        toll_free = {**self.toll_free, number: "TWILIO_APPROVED"} if _TOLL_FREE.match(number) else self.toll_free
        services = {**self.services, DEFAULT_SERVICE: pool}
        return replace(self, numbers=(*self.numbers, number), services=services, toll_free=toll_free)


def sid_of(prefix: str, name: str) -> str:
    """Return the sid of a resource: two letters and 32 hexadecimal digits, always the same for a name."""
    return prefix + sha256(name.encode()).hexdigest()[:32]
