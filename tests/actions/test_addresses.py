"""Which addresses are anybody's, which are this network's own, and which are never to be reached."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metagpt.actions.web.addresses import reach_of

PUBLIC = ["93.184.216.34", "8.8.8.8", "1.1.1.1", "2606:2800:220:1::1", "2a00:1450:4001::8a", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "::1", "fc00::1", "fd12::1",
    "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:192.168.0.1", "64:ff9b::7f00:1", "64:ff9b::10.1.2.3",
]  # fmt: skip
NEVER = [
    "169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "100.100.100.200", "168.63.129.16", "0.0.0.0",
    "0.1.2.3", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "192.88.99.1", "::", "fe80::1", "fe80::1%eth0", "ff02::1", "fec0::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "fd00:ec2::254", "fd20:ce::254", "64:ff9b:1::7f00:1", "::7f00:1", "100::1", "3fff::1", "5f00::1", "", "localhost", "127.1", "0x7f.1",
]  # fmt: skip


@pytest.mark.parametrize(("reach", "addresses"), [("public", PUBLIC), ("private", PRIVATE), ("never", NEVER)])
def test_each_known_address_is_of_its_kind(reach: str, addresses: list[str]) -> None:
    assert {address: reach_of(address) for address in addresses} == dict.fromkeys(addresses, reach)


@given(st.ip_addresses(v=4))
def test_an_address_within_another_is_of_the_same_kind(address: IPv4Address) -> None:
    for network in ("::ffff:0:0", "64:ff9b::"):
        assert reach_of(str(IPv6Address(int(IPv6Address(network)) + int(address)))) == reach_of(str(address))


@given(st.ip_addresses())
def test_what_python_knows_as_not_global_is_not_public(address: IPv4Address | IPv6Address) -> None:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if not (mapped or address).is_global and not str(address).startswith("64:ff9b:"):
        assert reach_of(str(address)) != "public"
