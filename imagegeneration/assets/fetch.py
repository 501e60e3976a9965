"""The fetcher: the only place where the studio opens an address from outside, an image at a provider's URL.

ssrfguard decides about the URL and about every address that its name resolves to. It connects to the very address that
it has checked, so a name that resolves differently later (DNS rebinding) gains nothing. httpcore has no proxies,
cookies, redirects or encodings that would have to be switched off (docs/adr/0015-fetcher.md).
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_network

import httpcore2
import httpx2
from ssrfguard import (
    DEFAULT_DENIED,
    AddressTable,
    Block,
    Policy,
    Reach,
    Resolver,
    SSRFGuardError,
    Target,
    connect,
    resolve,
)

MAX_REDIRECTS = 3

_ALSO_DENIED = (
    Block(ip_network("168.63.129.16/32"), "Azure host services", "", Reach.DENIED),
    Block(ip_network("::/3"), "No global unicast, or IPv4 within IPv6", "RFC4291", Reach.DENIED),
    Block(ip_network("4000::/2"), "No global unicast", "RFC4291", Reach.DENIED),
    Block(ip_network("8000::/1"), "No global unicast", "RFC4291", Reach.DENIED),
)
"""Further denied networks.

IANA has assigned only 2000::/3 of IPv6. Longer prefixes within these networks that ssrfguard allows stay allowed.
"""

_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""What precedes the IPv4 address in an interface identifier of RFC 5214, under any prefix."""


class _Addresses(AddressTable):
    """The table of addresses, which also knows the one form of IPv4 within IPv6 that has no prefix."""

    def match(self, address: IPv4Address | IPv6Address) -> Block | None:
        if address.version == 6 and int(address) >> 32 & 0xFFFF_FFFF in _ISATAP:
            inner = self.classify(IPv4Address(int(address) & 0xFFFF_FFFF))
            if inner.blocked:
                return inner.block
        return super().match(address)


PUBLIC_HTTPS = Policy(
    allowed_schemes=frozenset({"https"}),
    allowed_ports=frozenset({443}),
    denied_networks=_Addresses((*DEFAULT_DENIED.blocks, *_ALSO_DENIED)),
)
"""What may be fetched: https, from public addresses that no cloud reserves for its own services."""

_HEADERS: Mapping[bytes | str, bytes | str] = {
    "accept": "image/*",
    "accept-encoding": "identity",
    "user-agent": "image-studio",
}
_REDIRECTS = (301, 302, 303, 307, 308)


class FetchFailed(Exception):
    """A failed fetch. `may_pass`: the same address may answer a little later."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class Fetcher:
    """A fetcher of what `policy` allows.

    `resolver` replaces the system's resolver, and its answers are checked all the same. `tls` replaces the system's
    certificates.
    """

    def __init__(
        self, policy: Policy = PUBLIC_HTTPS, resolver: Resolver | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._tls = tls or httpx2.create_ssl_context(trust_env=False)

    def fetch(self, url: str, *, max_bytes: int, deadline: float) -> bytes:
        """Return the body at `url`, at most `max_bytes`, before `deadline` (monotonic seconds). Raises FetchFailed."""
        try:
            for _ in range(MAX_REDIRECTS + 1):
                with httpcore2.ConnectionPool(
                    ssl_context=self._tls, network_backend=self._backend(url, deadline)
                ) as pool:
                    answer = _get(pool, url, max_bytes)
                if isinstance(answer, bytes):
                    return answer
                url = str(httpx2.URL(url).join(answer))
        except (SSRFGuardError, httpx2.InvalidURL, ValueError) as error:
            raise FetchFailed("Its address is not one that may be fetched.") from error
        except TimeoutError as error:
            raise FetchFailed("It did not arrive in time.", may_pass=True) from error
        except (OSError, httpcore2.ProtocolError) as error:
            raise FetchFailed("The connection to it failed or broke.", may_pass=True) from error
        raise FetchFailed(f"It was redirected more than {MAX_REDIRECTS} times.")

    def _backend(self, url: str, deadline: float) -> _CheckedBackend:
        return _CheckedBackend(self._policy.check_url(url), self._policy, self._resolver, deadline)


def _get(pool: httpcore2.ConnectionPool, url: str, max_bytes: int) -> bytes | str:
    """Return the body, or the address that a redirect names."""
    with pool.stream("GET", httpcore2.URL(str(httpx2.URL(url))), headers=_HEADERS) as response:
        headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
        if response.status in _REDIRECTS and b"location" in headers:
            return headers[b"location"]
        if response.status != 200:
            passing = response.status in (408, 429) or response.status >= 500
            raise FetchFailed(f"It was answered with HTTP {response.status}.", may_pass=passing)
        if headers.get(b"content-encoding", "identity") != "identity":
            raise FetchFailed("It came in an encoding that was not asked for.")
        return _body(response.iter_stream(), max_bytes)


def _body(pieces: Iterable[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            raise FetchFailed("It is larger than any image.")
    return bytes(body)


class _CheckedBackend(httpcore2.NetworkBackend):
    """A backend that connects to the checked target at an allowed address, whatever host is requested."""

    def __init__(self, target: Target, policy: Policy, resolver: Resolver | None, deadline: float) -> None:
        self._target = target
        self._policy = policy
        self._resolver = resolver
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the target is what was checked, and only that is connected to
        port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002 - the deadline is over all
        local_address: str | None = None,  # noqa: ARG002 - none is configured
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002 - none is configured
    ) -> httpcore2.NetworkStream:
        """Resolve the name, check every address, and connect to one of them."""
        addresses = resolve(self._target, policy=self._policy, resolver=self._resolver)
        each = _left(self._deadline) / self._policy.max_connection_attempts
        return _Stream(connect(addresses, policy=self._policy, timeout=each), self._deadline)


class _Stream(httpcore2.NetworkStream):
    """A socket on which the deadline limits every operation: a server that drips headers gains nothing."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline is over all
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the deadline is over all
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(buffer)

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is over all
    ) -> httpcore2.NetworkStream:
        self._sock.settimeout(_left(self._deadline))
        return _Stream(ssl_context.wrap_socket(self._sock, server_hostname=server_hostname), self._deadline)


def _left(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
