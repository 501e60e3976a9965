"""Answers that come as server-sent events (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator

from imagegeneration.domain.generation import CallFailed
from imagegeneration.providers.provider import MAX_ANSWER_BYTES

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_DATA = re.compile(rb"(?:^|(?<=[\r\n]))data: ?([^\r\n]*)")


def events(pieces: Iterable[bytes], deadline: float) -> Iterator[bytes]:
    """The data of each event as it comes, before `deadline` (monotonic seconds), each of at most MAX_ANSWER_BYTES.

    Raises CallFailed. What has come is given first, and what comes last also where the empty line after it is missing:
    it may be a whole answer, which was paid for.
    """
    waiting = bytearray()
    for piece in pieces:
        searched = max(0, len(waiting) - 3)  # an end may come in two pieces
        waiting += piece
        while end := _END.search(waiting, searched):
            data = _data(waiting, end.start())
            del waiting[: end.end()]
            searched = 0
            yield data
        if time.monotonic() > deadline:
            raise CallFailed("The provider took too long to send its answer.", certainty="unknown")
        if len(waiting) > MAX_ANSWER_BYTES:
            raise CallFailed("The provider's answer is larger than any image.", certainty="unknown")
    if waiting:
        yield _data(waiting, len(waiting))


def _data(waiting: bytearray, end: int) -> bytes:
    """The data of the event that ends there; copied once, because it may be as large as an image."""
    return b"\n".join(found[1] for found in _DATA.finditer(waiting, 0, end))
