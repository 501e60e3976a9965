"""The wire: calls without proxies or redirects, none longer than its time-out.

Every read and write of a thread has the deadline of the thread's call (core/deadline.py).
"""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import httpx2

from imagegeneration.core.deadline import Deadline, DeadlineTransport
from imagegeneration.providers.generation import Answer, CallDetached, CallFailed, GenerationRequest
from imagegeneration.providers.provider import Call

CONNECT_SECONDS = 10.0

ARRIVAL_SHARE = 0.1
"""The extra time, as a share of a call's time, after the last bytes of an answer that came in time.

An answer that has begun to come is paid for. The head of a stream comes at its start, so its body counts too.
"""

MAX_REFUSAL_BYTES = 256 * 1024
"""Maximum bytes that are read of an answer other than a success."""

ONE_CALL_A_CONNECTION = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
"""One connection for each call: a pooled one may be dead by the next call, whose charge would then be unclear."""

P = TypeVar("P")


class _Call(Deadline, threading.local):
    """The call of this thread: its deadline, and whether anything of it has been sent.

    Bytes that come by `in_time` (monotonic seconds) give the rest of the answer `more` seconds from then.
    """

    in_time = -math.inf
    more = 0.0
    is_sent = False

    def sending(self) -> None:
        """Note that the provider may have received something of the call."""
        self.is_sent = True

    def arrived(self) -> None:
        """Extend the deadline for the rest of the answer."""
        now = time.monotonic()
        if now <= self.in_time:
            self.at = max(self.at, now + self.more)


_call = _Call()


def paid(generate: Callable[[P, GenerationRequest, Call], Answer]) -> Callable[[P, GenerationRequest, Call], Answer]:
    """Mark a paid call: a failure before its first byte is sent is not charged.

    A call that was submitted before counts as sent.
    """

    @functools.wraps(generate)
    def made(provider: P, request: GenerationRequest, call: Call) -> Answer:
        _call.is_sent = call.handle is not None  # guard: resumed-call-sent
        try:
            return generate(provider, request, call)
        except CallDetached:
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
    """Return when (monotonic seconds) a call of `seconds` that starts now ends, if its answer comes in time."""
    return time.monotonic() + seconds * (1 + ARRIVAL_SHARE)


def hurry(seconds: float) -> None:
    """Bound the rest of this thread's call by `seconds` from now. It never extends the call."""
    _call.at = min(_call.at, time.monotonic() + seconds)
    _call.in_time = -math.inf


class Wire(DeadlineTransport):
    """A transport whose calls end with their read time-out, counted from their start.

    The caller reads the body of a success. The body of a refusal is read here, up to MAX_REFUSAL_BYTES.
    """

    def __init__(self, limits: httpx2.Limits = ONE_CALL_A_CONNECTION) -> None:
        super().__init__(_call, limits)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request. Raises httpx2.HTTPError."""
        seconds = request.extensions["timeout"]["read"]
        _call.at = in_time = time.monotonic() + seconds
        _call.in_time = -math.inf  # a head alone that arrives byte by byte gets no extra time
        response = super().handle_request(request)
        _call.at = max(_call.at, time.monotonic() + seconds * ARRIVAL_SHARE)
        _call.in_time, _call.more = in_time, seconds * ARRIVAL_SHARE
        return response if response.is_success else _without_its_stream(response)


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
