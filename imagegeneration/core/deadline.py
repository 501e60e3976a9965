"""HTTP connections to configured addresses, with a deadline for the whole exchange and without a proxy.

httpx bounds each read only. A server that sends its answer byte by byte could hold a call without end.
"""

from __future__ import annotations

import functools
import math
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

DEFAULT_LIMITS = httpx2.Limits()


class Deadline:
    """The end of a connection's reads and writes, in monotonic seconds. Subclasses can observe the bytes."""

    def __init__(self, at: float = math.inf) -> None:
        self.at = at

    def sending(self) -> None:
        """Note that bytes are about to be sent."""

    def arrived(self) -> None:
        """Note that bytes have arrived."""

    def left(self, timeout: float | None, too_late: type[Exception]) -> float | None:
        """Return the seconds that a read or write may take, at most `timeout`. Raises `too_late` if none are left."""
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise too_late
        if math.isinf(seconds):
            return timeout
        return seconds if timeout is None else min(timeout, seconds)


class DeadlineTransport(httpx2.HTTPTransport):
    """A transport whose connections end at a deadline."""

    def __init__(self, deadline: Deadline, limits: httpx2.Limits = DEFAULT_LIMITS) -> None:
        super().__init__(verify=_tls(), limits=limits, trust_env=False)
        self._pool = httpcore2.ConnectionPool(  # httpx2's constructor takes no network backend
            ssl_context=_tls(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(deadline),
        )


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return the TLS context that all clients share, because loading the certificate authorities takes long."""
    return httpx2.create_ssl_context(trust_env=False)


class _Backend(httpcore2.SyncBackend):
    """A network backend whose connections read and write until the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that answers."""
        inner = super().connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(inner, self._deadline)


class _Stream(httpcore2.NetworkStream):
    """A connection whose reads and writes share the remaining time."""

    def __init__(self, inner: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, self._deadline.left(timeout, httpcore2.ReadTimeout))
        self._deadline.arrived()
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._deadline.sending()
        self._inner.write(buffer, self._deadline.left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        left = self._deadline.left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
