"""The protocol of every vendor file, and their common words for a connection that fails."""

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
"""Maximum bytes of an answer: a 50-megapixel PNG in base64 is smaller."""

_BEFORE_SENDING = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
_ADDRESS = re.compile(r"(https?://[^\s/?#\"'<>]+)[/?#][^\s\"'<>]*", re.IGNORECASE)


def _ignore(_said: object) -> None:
    """Ignore a report of a provider."""


@dataclass(frozen=True)
class Call:
    """One call, with what its provider needs besides the request.

    `submitted` stores the handle of an accepted call, before its answer is waited for. `preview` takes a preview image,
    which is not yet checked. Neither raises, and `preview` does not wait. A call with a `handle` was submitted before:
    only its answer is waited for. Once `stopping` is set, a call that the provider completes by itself is detached.
    """

    submitted: Callable[[str], None] = _ignore
    preview: Callable[[bytes], None] = _ignore
    handle: str | None = None
    stopping: Event = field(default_factory=Event)


class Provider(Protocol):
    """A provider, which makes images for money."""

    @property
    def is_resumable(self) -> bool:
        """Return whether it completes calls by itself, so that another process can resume one by its handle."""
        ...

    def generate(self, request: GenerationRequest, call: Call, /) -> Answer:
        """Make one image: the paid call. A call with a handle is not submitted again, if the provider is resumable.

        Raises CallFailed, which says what is known about the charge, and CallDetached.
        """
        ...

    def check(self) -> Checked:
        """Ask a free question that needs the account. A failed connection is a result and does not raise."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


def read_whole(pieces: Iterable[bytes]) -> bytes:
    """Return a whole body of at most MAX_ANSWER_BYTES. Its deadline is the wire's. Raises CallFailed."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise CallFailed("The provider's answer is larger than any image.", certainty="unknown")
    return bytes(body)


def unreachable(error: BaseException) -> CallFailed:
    """Return what a failed connection says about the charge: nothing is charged before anything is sent."""
    if isinstance(error, _BEFORE_SENDING):  # guard: free-before-sending
        return CallFailed("The provider could not be reached.", certainty="not_charged", retryable=True)
    if isinstance(error, httpx2.TimeoutException):
        return CallFailed("The provider did not answer in time.", certainty="unknown")
    return CallFailed("The connection to the provider broke before its answer came.", certainty="unknown")


def brief(text: str) -> str:
    """Return at most 300 printable characters of a provider's words, safe to show to clients.

    They may repeat the refused key, or name the address of a file. Keys are redacted, and of addresses only the host is
    left.
    """
    said = _ADDRESS.sub(r"\1/...", redact(text[:2_000]))[:300]
    printable = "".join(character if character.isprintable() else " " for character in said).strip()
    return printable or "no reason given"
