"""Answers that come as server-sent events (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from imagegeneration.domain.generation import CallFailed
from imagegeneration.providers.provider import MAX_ANSWER_BYTES

_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


def events(pieces: Iterable[bytes], deadline: float) -> Iterator[bytes]:
    """The data of each event as it comes, before `deadline` (monotonic seconds), each of at most MAX_ANSWER_BYTES.

    Raises CallFailed. What comes last is given as well where the empty line after it is missing: it may be a whole
    answer, which was paid for. Nothing of an event is held once its data is let go of: it may be as large as an image.
    """
    waiting = bytearray()
    for piece in pieces:
        searched = max(0, len(waiting) - 3)  # an end may come in two pieces
        waiting += piece
        if time.monotonic() > deadline:
            raise CallFailed("The provider took too long to send its answer.", certainty="unknown")
        while found := min(_found(waiting, _ENDS, searched, len(waiting)), default=None):
            searched = 0
            yield _taken(waiting, *found)
        if len(waiting) > MAX_ANSWER_BYTES:
            raise CallFailed("The provider's answer is larger than any image.", certainty="unknown")
    if waiting:
        yield _taken(waiting, len(waiting), 0)


def _found(text: bytearray, wanted: Iterable[bytes], start: int, stop: int) -> list[tuple[int, int]]:
    """Where each of those that are there begins first, and its length."""
    places = ((text.find(one, start, stop), len(one)) for one in wanted)
    return [place for place in places if place[0] >= 0]


def _taken(waiting: bytearray, stop: int, length: int) -> bytes:
    """Take the first event out, which ends at `stop`; its data."""
    lines = []
    at = 0
    while at <= stop:
        end, _ = min(_found(waiting, (b"\n", b"\r"), at, stop), default=(stop, 0))
        if waiting.startswith(b"data:", at, end):
            start = at + (6 if waiting.startswith(b" ", at + 5, end) else 5)
            lines.append(bytes(memoryview(waiting)[start:end]))
        at = end + (2 if waiting.startswith(b"\r\n", end, stop) else 1)
    del waiting[: stop + length]
    return b"\n".join(lines)
