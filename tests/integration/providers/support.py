"""Helpers for the tests of the asynchronous providers."""

from __future__ import annotations

import dataclasses
import ssl
from ipaddress import ip_network

from imagegeneration.assets.fetch import PUBLIC_HTTPS, Fetcher
from tests.wire.loopback import Loopback

NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no certificate. It is made once, because the system's certificates take long to read."""


def fetcher_of(*servers: Loopback) -> Fetcher:
    """A fetcher that may fetch from these servers, without encryption."""
    return loopback_fetcher(*(server.port for server in servers))


def loopback_fetcher(*ports: int) -> Fetcher:
    """A fetcher that may fetch from these ports of loopback, without encryption."""
    policy = dataclasses.replace(
        PUBLIC_HTTPS,
        allowed_schemes=frozenset({"http"}),
        allowed_networks=(ip_network("127.0.0.1/32"),),
        allowed_ports=frozenset(ports),
    )
    return Fetcher(policy, tls=NOBODY)
