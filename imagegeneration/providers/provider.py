"""What every vendor file offers, and the words that all of them use for a connection that fails."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

import httpx2

from imagegeneration.core.redaction import redact
from imagegeneration.providers.generation import Answer, CallFailed, GenerationRequest
from imagegeneration.providers.health import Checked

MAX_ANSWER_BYTES = 96 * 1024**2
"""Largest answer that is read: a 50-megapixel PNG in base64 stays below it."""

Submitted = Callable[[str], None]
"""Keeps the handle under which a provider has taken a call, before it is waited for; it never raises."""

Shown = Callable[[bytes], None]
"""Takes an image on the way, which is not yet checked; it neither waits nor raises."""

_BEFORE_SENDING = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
_ADDRESS = re.compile(r"(https?://[^\s/?#\"'<>]+)[/?#][^\s\"'<>]*", re.IGNORECASE)


class Provider(Protocol):
    """Makes images for money."""

    def generate(self, request: GenerationRequest, submitted: Submitted, /) -> Answer:
        """Make one image: the paid call. Raises CallFailed, which says what is known of the money."""
        ...

    def check(self) -> Checked:
        """Ask for something that costs nothing and needs the account; it never raises for what the wire does."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


@runtime_checkable
class ResumableProvider(Provider, Protocol):
    """A provider that works on a call by itself: with its handle the answer can be fetched after a crash.

    While `leaving` is set it waits for no call: `generate` (once it is submitted) and `resume` raise LeftAtProvider.
    """

    leaving: threading.Event

    def resume(self, request: GenerationRequest, handle: str) -> Answer:
        """Wait for a call that was submitted before. Raises CallFailed; never submits."""
        ...


@runtime_checkable
class StreamingProvider(Provider, Protocol):
    """A provider that shows images on the way, where `request.partial_images` asks for them."""

    def stream(self, request: GenerationRequest, shown: Shown, /) -> Answer:
        """Make one image, as `generate` does, and give each image on the way to `shown` as it comes."""
        ...


def read_whole(pieces: Iterable[bytes]) -> bytes:
    """A whole body of at most MAX_ANSWER_BYTES; its deadline is the wire's. Raises CallFailed."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise CallFailed("The provider's answer is larger than any image.", certainty="unknown")
    return bytes(body)


def unreachable(error: BaseException) -> CallFailed:
    """What a failure of the connection says of the money: nothing is charged before anything is sent."""
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
