"""Which IP addresses are public."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from channels.public_addresses import is_public


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2001:4860:4860::8888",
        "2a00:1450:4001::200e",
        "2001:200::1",
    ],
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - this host
        "0.255.255.255",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",  # metadata: Alibaba Cloud
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",  # metadata: Azure
        "169.254.169.254",  # metadata: AWS, Google Cloud, Azure, DigitalOcean
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",  # metadata: Oracle Cloud
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",  # NAT64
        "64:ff9b:1::a00:1",
        "100::1",
        "1fff::1",
        "2001::1",  # Teredo
        "2001:2::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2002:a00:1::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",  # metadata: AWS
        "fd20:ce::254",  # metadata: Google Cloud
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700:4700::1111%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    assert not is_public(ip_address(address))
