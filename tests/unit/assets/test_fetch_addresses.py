"""Which addresses may be fetched from, held against IANA's registries, in every form of IPv4 within IPv6.

https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, as of 2026-08-22;
https://www.iana.org/assignments/ipv6-address-space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from imagegeneration.assets.fetch import PUBLIC_HTTPS

NOT_REACHABLE_4 = [
    "0.0.0.0/8",
    "0.0.0.0/32",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.170/32",
    "192.0.0.171/32",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "255.255.255.255/32",
]
NOT_REACHABLE_6 = [
    "::1/128",
    "::/128",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001:2::/48",
    "2001:10::/28",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
]
"""Not globally reachable, or a deprecated allocation."""

REACHABLE = [
    "8.8.8.8",
    "93.184.215.14",
    "192.0.0.9",
    "192.0.0.10",
    "192.31.196.1",
    "192.52.193.1",
    "192.175.48.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "2001:4860:4860::8888",
    "2620:4f:8000::1",
]

MULTICAST = ["224.0.0.0/4", "ff00::/8"]
NOT_GIVEN_OUT = [
    "400::/6",
    "800::/5",
    "1000::/4",
    "4000::/3",
    "6000::/3",
    "8000::/3",
    "c000::/3",
    "e000::/4",
    "f800::/6",
]

PUBLIC = int(IPv6Address("2a00:1450:4001:81b::"))
TEREDO = int(IPv6Address("2001::"))
PUBLIC_SERVER = int(IPv4Address("8.8.8.8"))

FORMS: dict[str, Callable[[int], int]] = {
    "mapped, RFC 4291": lambda v4: 0xFFFF << 32 | v4,
    "compatible, RFC 4291": lambda v4: v4,
    "translated, RFC 2765": lambda v4: 0xFFFF << 48 | v4,
    "NAT64, RFC 6052": lambda v4: int(IPv6Address("64:ff9b::")) | v4,
    "local NAT64, RFC 8215": lambda v4: int(IPv6Address("64:ff9b:1::")) | v4,
    "6to4, RFC 3056": lambda v4: 0x2002 << 112 | v4 << 80 | 1,
    "Teredo's server, RFC 4380": lambda v4: TEREDO | v4 << 64 | (~PUBLIC_SERVER & 0xFFFF_FFFF),
    "Teredo's client, RFC 4380": lambda v4: TEREDO | PUBLIC_SERVER << 64 | (~v4 & 0xFFFF_FFFF),
    "ISATAP, RFC 5214": lambda v4: PUBLIC | 0x5EFE << 32 | v4,
    "ISATAP of a public address, RFC 5214": lambda v4: PUBLIC | 0x0200_5EFE << 32 | v4,
}
"""Every form in which an IPv6 address has an IPv4 address in it."""


def may_be_fetched(address: object) -> bool:
    return not PUBLIC_HTTPS.denied_networks.classify(ip_address(str(address))).blocked


def ends(*networks: str) -> Iterator[IPv4Address | IPv6Address]:
    """The first and the last address of each."""
    for network in map(ip_network, networks):
        yield from (network[0], network[-1])


@pytest.mark.parametrize("network", [*NOT_REACHABLE_4, *NOT_REACHABLE_6, *MULTICAST, *NOT_GIVEN_OUT])
def test_what_is_not_globally_reachable_is_refused(network: str) -> None:
    assert not any(map(may_be_fetched, ends(network)))


@pytest.mark.parametrize("address", REACHABLE)
def test_what_is_globally_reachable_may_be_fetched(address: str) -> None:
    assert may_be_fetched(address)


@pytest.mark.parametrize("form", FORMS)
def test_an_address_inside_another_is_refused_in_every_form(form: str) -> None:
    wrapped = [
        IPv6Address(FORMS[form](int(inner))) for inner in ends(*NOT_REACHABLE_4, "168.63.129.16/32", MULTICAST[0])
    ]
    assert [str(address) for address in wrapped if may_be_fetched(address)] == []


@pytest.mark.parametrize("form", ["mapped, RFC 4291", "NAT64, RFC 6052"])
def test_a_public_address_in_a_form_that_resolvers_use_may_be_fetched(form: str) -> None:
    assert may_be_fetched(IPv6Address(FORMS[form](PUBLIC_SERVER)))
