"""How calls go out: no proxies, no redirects, and nothing takes longer than its call may.

The SDKs and httpx bound each read, so a server that drips the head of its answer holds a call for as long as it likes.
Here every read and write of a thread has the deadline of the call that the thread makes.
"""

from __future__ import annotations

import functools
import math
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpcore2
import httpx2

from imagegeneration.providers.generation import Answer, CallFailed, LeftAtProvider

CONNECT_SECONDS = 10.0

ARRIVAL_SHARE = 0.1
"""What is added to a call's time, as a share of it, after the last bytes of the answer that came in time.

An answer that has begun to come is paid for. The head of a stream comes at its start, so its body counts too.
"""

MAX_REFUSAL_BYTES = 256 * 1024
"""What is read of an answer that is not a success."""

ONE_CALL_A_CONNECTION = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
"""A connection of the pool may be dead by the time of the next call, which would then be in doubt."""

Provider = TypeVar("Provider")
P = ParamSpec("P")


class _Call(threading.local):
    """The call that this thread makes: until when it may take, and whether anything of it has been sent.

    What comes by `in_time` (monotonic seconds) gives the rest of the answer `more` seconds from then.
    """

    deadline = math.inf
    in_time = -math.inf
    more = 0.0
    is_sent = False

    def arrived(self) -> None:
        """Note that bytes of the answer's body have come."""
        now = time.monotonic()
        if now <= self.in_time:
            self.deadline = max(self.deadline, now + self.more)


_call = _Call()


def paid(call: Callable[Concatenate[Provider, P], Answer]) -> Callable[Concatenate[Provider, P], Answer]:
    """Mark a paid call: whatever fails before its first byte is sent is not charged."""

    @functools.wraps(call)
    def made(provider: Provider, /, *args: P.args, **more: P.kwargs) -> Answer:
        _call.is_sent = False
        try:
            return call(provider, *args, **more)
        except LeftAtProvider:
            raise
        except CallFailed as failure:
            if (
                _call.is_sent  # guard: sent-call-unknown
                or failure.certainty != "unknown"
            ):
                raise
            raise CallFailed("The request could not be sent.", certainty="not_charged") from failure
        except Exception as error:
            if _call.is_sent:
                raise
            message = f"The request could not be sent ({type(error).__name__})."
            raise CallFailed(message, certainty="not_charged") from error

    return made


def at_latest(seconds: float) -> float:
    """Return when (monotonic seconds) a call of so many seconds that begins now ends, if its answer comes in time."""
    return time.monotonic() + seconds * (1 + ARRIVAL_SHARE)


def hurry(seconds: float) -> None:
    """Bound the rest of this thread's call by `seconds` from now; it never gets longer."""
    _call.deadline = min(_call.deadline, time.monotonic() + seconds)
    _call.in_time = -math.inf


class Wire(httpx2.HTTPTransport):
    """A transport whose calls end with their read time-out, counted from their start.

    The body of a success is left to be read; that of a refusal is read here, up to MAX_REFUSAL_BYTES.
    """

    def __init__(self, limits: httpx2.Limits = ONE_CALL_A_CONNECTION) -> None:
        super().__init__(verify=_tls(), limits=limits, trust_env=False)
        self._pool = httpcore2.ConnectionPool(  # the constructor takes no network backend
            ssl_context=_tls(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request. Raises httpx2.HTTPError."""
        seconds = request.extensions["timeout"]["read"]
        _call.deadline = in_time = time.monotonic() + seconds
        _call.in_time = -math.inf  # a head alone, byte by byte, gets nothing more
        response = super().handle_request(request)
        _call.deadline = max(_call.deadline, time.monotonic() + seconds * ARRIVAL_SHARE)
        _call.in_time, _call.more = in_time, seconds * ARRIVAL_SHARE
        return response if response.is_success else _without_its_stream(response)


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return the context that all clients share: reading the authorities takes long."""
    return httpx2.create_ssl_context(trust_env=False)


def _without_its_stream(response: httpx2.Response) -> httpx2.Response:
    body = bytearray()
    try:
        for piece in response.iter_bytes():
            body += piece
            if len(body) > MAX_REFUSAL_BYTES:
                break
    finally:
        response.close()
    framing = (b"content-encoding", b"content-length", b"transfer-encoding")
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in framing]
    return httpx2.Response(response.status_code, headers=headers, content=bytes(body[:MAX_REFUSAL_BYTES]))


class _Backend(httpcore2.SyncBackend):
    """Connects as ever."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that answers."""
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options))


class _Stream(httpcore2.NetworkStream):
    """A connection on which nothing takes longer than the call of the thread that reads or writes."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))
        _call.arrived()
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        _call.is_sent = True
        self._inner.write(buffer, _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None, too_late: type[Exception]) -> float | None:
    seconds = _call.deadline - time.monotonic()
    if seconds <= 0:
        raise too_late
    return timeout if timeout is None else min(timeout, seconds)
