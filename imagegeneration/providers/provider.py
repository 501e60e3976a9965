"""What every vendor file offers, and the words that all of them use for a connection that fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

import httpx2

from imagegeneration.core.redaction import redact
from imagegeneration.providers.generation import Answer, CallFailed, GenerationRequest
from imagegeneration.providers.health import Checked

MAX_ANSWER_BYTES = 96 * 1024**2
"""Largest answer that is read: a 50-megapixel PNG in base64 stays below it."""

_BEFORE_SENDING = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
_ADDRESS = re.compile(r"(https?://[^\s/?#\"'<>]+)[/?#][^\s\"'<>]*", re.IGNORECASE)


def _ignore(_said: object) -> None:
    """Do nothing with what a provider tells."""


@dataclass(frozen=True)
class Call:
    """One call, as its provider sees it beside the request.

    `submitted` keeps the handle under which the provider has taken the call, before it is waited for; `preview` takes
    a preview image, which is not yet checked. Neither raises, and `preview` does not wait. A call with a `handle` was
    submitted before: only its answer is waited for. Once `stopping` is set, a call that the provider works on by
    itself is left there.
    """

    submitted: Callable[[str], None] = _ignore
    preview: Callable[[bytes], None] = _ignore
    handle: str | None = None
    stopping: Event = field(default_factory=Event)


class Provider(Protocol):
    """Makes images for money."""

    @property
    def is_resumable(self) -> bool:
        """Return whether it works on calls by itself, so that with a handle another process can wait for one."""
        ...

    def generate(self, request: GenerationRequest, call: Call, /) -> Answer:
        """Make one image: the paid call. A call with a handle is not submitted again, if the provider is resumable.

        Raises CallFailed, which says what is known of the money, and CallDetached.
        """
        ...

    def check(self) -> Checked:
        """Ask for something that costs nothing and needs the account; never raise for a failure of the connection."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


def read_whole(pieces: Iterable[bytes]) -> bytes:
    """Return a whole body of at most MAX_ANSWER_BYTES; its deadline is the wire's. Raises CallFailed."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise CallFailed("The provider's answer is larger than any image.", certainty="unknown")
    return bytes(body)


def unreachable(error: BaseException) -> CallFailed:
    """Return what a failed connection says of the money: nothing is charged before anything is sent."""
    if isinstance(error, _BEFORE_SENDING):  # guard: free-before-sending
        return CallFailed("The provider could not be reached.", certainty="not_charged", retryable=True)
    if isinstance(error, httpx2.TimeoutException):
        return CallFailed("The provider did not answer in time.", certainty="unknown")
    return CallFailed("The connection to the provider broke before its answer came.", certainty="unknown")


def brief(text: str) -> str:
    """At most 300 printable characters of what a provider said, which may be shown to clients.

    It may repeat the key that it does not accept, or name the address of a file: of addresses only the host is left.
    """
    said = _ADDRESS.sub(r"\1/...", redact(text[:2_000]))[:300]
    printable = "".join(character if character.isprintable() else " " for character in said).strip()
    return printable or "no reason given"
