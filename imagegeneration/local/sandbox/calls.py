"""The record of billable calls: what an invoice would list."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from imagegeneration.local.sandbox.faults import Target

CALLS_KEPT = 100_000
"""How many calls are kept in memory; the log file keeps all of them."""


@dataclass(frozen=True)
class Call:
    """A call that would have cost money. `prompt` is the string as received, `outcome` how it was answered.

    `inputs` are the hashes of the images to edit.
    """

    number: int
    kind: Target
    prompt: str
    model: str
    size: str | None
    quality: str | None
    time: str
    outcome: str
    inputs: tuple[str, ...] = ()


class CallLog:
    """The record of calls, counted, and with a `path` written as one JSON line each. Safe to use from many threads."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._kept: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._of_prompt: Counter[str] = Counter()
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None

    def bill(
        self,
        kind: Target,
        prompt: str,
        model: str,
        outcome: str,
        *,
        size: str = "",
        quality: str = "",
        inputs: tuple[str, ...] = (),
    ) -> int:
        """Record a call and return how many calls this prompt has had, this one included."""
        with self._lock:
            self._number += 1
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            call = Call(self._number, kind, prompt, model, size or None, quality or None, now, outcome, inputs)
            self._kept.append(call)
            self._of_prompt[prompt] += 1
            if self._file is not None:
                self._file.write(json.dumps(asdict(call), ensure_ascii=False) + "\n")
                self._file.flush()
            return self._of_prompt[prompt]

    def all(self) -> list[Call]:
        """Return the calls so far, oldest first."""
        with self._lock:
            return list(self._kept)

    def clear(self) -> None:
        """Clear all calls, so that the next sequence of calls gives the bytes that the first one gave."""
        with self._lock:
            self._number = 0
            self._kept.clear()
            self._of_prompt.clear()

    def close(self) -> None:
        """Close the log file."""
        if self._file is not None:
            self._file.close()
