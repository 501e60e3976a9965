"""Answers that come as server-sent events (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from imagegeneration.domain.generation import CallFailed
from imagegeneration.providers.provider import MAX_ANSWER_BYTES

_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


def events(pieces: Iterable[bytes], deadline: float) -> Iterator[bytes]:
    """The data of each event as it comes, before `deadline` (monotonic seconds), each of at most MAX_ANSWER_BYTES.

    Raises CallFailed. What has come is given first, and what comes last also where the empty line after it is missing:
    it may be a whole answer, which was paid for. Nothing of an event is held once its data is let go of.
    """
    waiting = bytearray()
    for piece in pieces:
        searched = max(0, len(waiting) - 3)  # an end may come in two pieces
        waiting += piece
        while (end := _end(waiting, searched)) is not None:
            searched = 0
            yield _taken(waiting, *end)
        if time.monotonic() > deadline:
            raise CallFailed("The provider took too long to send its answer.", certainty="unknown")
        if len(waiting) > MAX_ANSWER_BYTES:
            raise CallFailed("The provider's answer is larger than any image.", certainty="unknown")
    if waiting:
        yield _taken(waiting, len(waiting), 0)


def _end(waiting: bytearray, start: int) -> tuple[int, int] | None:
    """Where an event ends first, and how long its end is. An image has no line breaks, so few places are looked at."""
    at = _line_end(waiting, start)
    while at < len(waiting):
        for end in _ENDS:
            if waiting.startswith(end, at):
                return at, len(end)
        at = _line_end(waiting, at + 1)
    return None


def _line_end(waiting: bytearray, start: int) -> int:
    places = (waiting.find(b"\n", start), waiting.find(b"\r", start))
    return min((place for place in places if place >= 0), default=len(waiting))


def _taken(waiting: bytearray, stop: int, length: int) -> bytes:
    """Take the first event out, which ends at `stop`; its data, copied once."""
    lines = []
    at = 0
    while at <= stop:
        end = min(_line_end(waiting, at), stop)
        if waiting.startswith(b"data:", at, end):
            start = at + (6 if waiting.startswith(b" ", at + 5, end) else 5)
            lines.append(bytes(memoryview(waiting)[start:end]))
        at = end + (2 if waiting.startswith(b"\r\n", end, stop) else 1)
    del waiting[: stop + length]
    return b"\n".join(lines)
