"""Limits how often a password may be tried. An attempt is counted before the password is compared.

The limit is 10 a minute from one address, 10 a minute for one name, and 30 a minute from all addresses together, so
that an attacker with many addresses, or with invented ones in X-Forwarded-For, cannot guess faster. A browser in which
the operator has logged in before has 10 attempts of its own for that operator's name, which nobody else can use up.
"""

from __future__ import annotations

import ipaddress

from redis import Redis

from api.operator.counters import Counters

ATTEMPTS_A_MINUTE = 10
ATTEMPTS_A_MINUTE_OVERALL = 30
_WINDOW_SECONDS = 60
_IPV6_NETWORK_BITS = 64
"""A provider gives each customer at least one network of this size (RFC 6177), so its addresses count together."""
_OVERALL = "overall"


class LoginAttempts:
    """Counts attempts, for all processes together."""

    def __init__(self, redis: Redis | None) -> None:
        self._counters = Counters(redis)

    def wait_seconds(self, address: str, *, name: str, known_browser: str | None = None) -> int:
        """Count one attempt. Returns 0 if it is allowed, otherwise the number of seconds until the next one is.

        `known_browser`: the id of the browser if the account of this name knows it. Counted from the narrowest limit to
        the widest, so that attempts refused for their address do not use up the limits that others share.
        """
        limits = [(counter, ATTEMPTS_A_MINUTE) for counter in _counters(address, name, known_browser)]
        if known_browser is None:
            limits.append((_OVERALL, ATTEMPTS_A_MINUTE_OVERALL))
        for counter, most in limits:
            made, left_seconds = self._counters.count(counter, seconds=_WINDOW_SECONDS)
            if made > most:
                return left_seconds
        return 0

    def forget(self, address: str, *, name: str, known_browser: str | None = None) -> None:
        """Reset the counts after a successful login."""
        for counter in _counters(address, name, known_browser):
            self._counters.reset(counter)


def _counters(address: str, name: str, known_browser: str | None) -> list[str]:
    if known_browser is not None:
        return [f"browser {known_browser}"]
    return [f"address {network_of(address)}", f"name {name}"]


def network_of(address: str) -> str:
    """Return the address; for IPv6 its network, because one client may use every address in it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), _IPV6_NETWORK_BITS), strict=False))
