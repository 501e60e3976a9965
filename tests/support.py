"""Helpers of the tests."""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from PIL import Image

from imagegeneration.local.part import Part
from imagegeneration.local.process import Log, Process

T = TypeVar("T")

APPROVAL_KEY = "a key of the tests " + "0" * 32


def wait_until(condition: Callable[[], T], what: str, *, seconds: float = 15, every: float = 0.01) -> T:
    """The first true result of `condition`, asked every so many seconds; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)
    return result


class Clock:
    """Stands for the module `time` where a process remembers things for a while."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@contextlib.contextmanager
def serving(
    part: Part, folder: Path, variables: Mapping[str, str] | None = None, *, seconds: float = 15
) -> Iterator[Part]:
    """Run the part's server, with its log in `folder` and these variables, until the end of the block."""
    process = Process(part.name, part.command, {**os.environ, **(variables or {})}, Log(folder / f"{part.name}.log"))
    process.start()
    try:
        wait_until(lambda: part.listens, f"{part.name} listens", seconds=seconds)
        yield part
    finally:
        process.kill()


def png(number: int = 0) -> bytes:
    """A small image, another for each number, and large enough to count as one."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (number % 256, number // 256 % 256, 0)).save(buffer, "PNG")
    return buffer.getvalue()
