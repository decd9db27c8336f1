"""Which addresses belong to the public internet. Data, and one question.

Sources: https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry, and what clouds
say of their metadata. `ipaddress.is_global` is not asked: what it says has changed from one Python to the next
(CVE-2024-4032), and it lets IPv4 addresses through that are wrapped in IPv6 ones.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

_NOT_PUBLIC_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' own (Alibaba Cloud's metadata are at 100.100.100.200)
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's metadata: an address that looks public, and is answered inside
        "169.254.0.0/16",  # link-local (most clouds' metadata)
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocols (Oracle Cloud's metadata)
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

_UNICAST_V6 = IPv6Network("2000::/3")
"""All that was ever given out. Outside is what is local, and what wraps an IPv4 address (mapped, compatible, NAT64)."""

_NOT_PUBLIC_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocols: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which wraps an IPv4 address
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """Whether a stranger may have us connect there."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return (
        address.scope_id is None
        and address in _UNICAST_V6
        and not any(address in network for network in _NOT_PUBLIC_V6)
    )
