"""A process that begins calls as fast as it is allowed to, beside other such processes."""

from __future__ import annotations

import time
from multiprocessing.sharedctypes import Synchronized

from imagegeneration.bootstrap import build_studio
from imagegeneration.settings import Settings


def begin_for(settings: Settings, name: str, seconds: float, begun: Synchronized[int]) -> None:
    """Begin calls for so many seconds, and end none; count those that might."""
    studio = build_studio(settings)
    deadline = time.monotonic() + seconds
    number = 0
    while time.monotonic() < deadline:
        number += 1
        if studio.pacing.begin("sandbox", f"att_{name}_{number}"):
            with begun.get_lock():
                begun.value += 1
    studio.close()


def begin_and_end(
    settings: Settings, name: str, calls: int, in_flight: Synchronized[int], most: Synchronized[int]
) -> None:
    """Make so many calls of a hundredth of a second; note how many were in flight in all processes together.

    Each process holds its first call until another is in flight too, for at most ten seconds: else a busy machine
    could run the processes one after the other.
    """
    studio = build_studio(settings)
    made = 0
    while made < calls:
        if not studio.pacing.begin("sandbox", f"att_{name}_{made}"):
            continue
        with in_flight.get_lock():
            in_flight.value += 1
            most.value = max(most.value, in_flight.value)
        deadline = time.monotonic() + (10 if made == 0 else 0)
        while most.value < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.01)  # the call
        with in_flight.get_lock():
            in_flight.value -= 1
        studio.pacing.end(f"att_{name}_{made}")
        made += 1
    studio.close()
