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
    """The data of each event as it comes, before `deadline` (monotonic seconds), each of at most MAX_ANSWER_BYTES.

    Raises CallFailed. What comes last is given as well where the empty line after it is missing: it may be a whole
    answer, which was paid for.
    """
    waiting = bytearray()
    for piece in pieces:
        searched = max(0, len(waiting) - 3)  # an end may come in two pieces
        waiting += piece
        if time.monotonic() > deadline:
            raise CallFailed("The provider took too long to send its answer.", certainty="unknown")
        while end := _END.search(waiting, searched):
            event = bytes(waiting[: end.start()])
            del waiting[: end.end()]
            searched = 0
            yield _data(event)
        if len(waiting) > MAX_ANSWER_BYTES:
            raise CallFailed("The provider's answer is larger than any image.", certainty="unknown")
    if waiting:
        yield _data(bytes(waiting))


def _data(event: bytes) -> bytes:
    lines = (line[5:].removeprefix(b" ") for line in _LINE.split(event) if line.startswith(b"data:"))
    return b"\n".join(lines)
