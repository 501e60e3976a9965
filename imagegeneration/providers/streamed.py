"""Answers that come as server-sent events (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator

from imagegeneration.providers.generation import CallFailed
from imagegeneration.providers.provider import MAX_ANSWER_BYTES

_END = re.compile(rb"\n\n|\r\n\r\n|\r\r")
_DATA = re.compile(rb"(?:\A|(?<=[\r\n]))data: ?([^\r\n]*)")


def events(pieces: Iterable[bytes], deadline: float) -> Iterator[bytes]:
    """Yield each event's data as it comes, before `deadline` (monotonic seconds), at most MAX_ANSWER_BYTES each.

    Raises CallFailed, after what has come was yielded. The last event is yielded even without the empty line after it,
    since it may be a whole answer, which is paid for. Nothing of an event is held once its data is released.
    """
    waiting = bytearray()
    for piece in pieces:
        searched = max(0, len(waiting) - 3)  # an end may be split over two pieces
        waiting += piece
        while (end := _END.search(waiting, searched)) is not None:
            searched = 0
            yield _taken(waiting, *end.span())
        if time.monotonic() > deadline:  # guard: stream-deadline
            raise CallFailed("The provider took too long to send its answer.", certainty="unknown")
        if len(waiting) > MAX_ANSWER_BYTES:  # guard: stream-size-limit
            raise CallFailed("The provider's answer is larger than any image.", certainty="unknown")
    if waiting:
        yield _taken(waiting, len(waiting), len(waiting))


def _taken(waiting: bytearray, stop: int, after: int) -> bytes:
    """Remove the first event, which ends at `stop`. Return its data, copied once."""
    lines = [found[1] for found in _DATA.finditer(waiting, 0, stop)]
    del waiting[:after]
    return lines[0] if len(lines) == 1 else b"\n".join(lines)
