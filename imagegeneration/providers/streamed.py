"""Answers that come as server-sent events (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator

from imagegeneration.domain.generation import CallFailed
from imagegeneration.providers.provider import MAX_ANSWER_BYTES

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE = re.compile(rb"\r\n|\n|\r")


def events(pieces: Iterable[bytes], deadline: float) -> Iterator[bytes]:
    """The data of each event as it comes, before `deadline` (monotonic seconds), of at most MAX_ANSWER_BYTES together.

    Raises CallFailed. An event that breaks off is none.
    """
    waiting = bytearray()
    total = 0
    for piece in pieces:
        searched = max(0, len(waiting) - 3)  # an end may come in two pieces
        waiting += piece
        total += len(piece)
        if time.monotonic() > deadline:
            raise CallFailed("The provider took too long to send its answer.", certainty="unknown")
        if total > MAX_ANSWER_BYTES:
            raise CallFailed("The provider's answer is larger than any image.", certainty="unknown")
        while end := _END.search(waiting, searched):
            event = bytes(waiting[: end.start()])
            del waiting[: end.end()]
            searched = 0
            yield _data(event)


def _data(event: bytes) -> bytes:
    lines = (line[5:].removeprefix(b" ") for line in _LINE.split(event) if line.startswith(b"data:"))
    return b"\n".join(lines)
