"""The unit of a runner's work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageTask:
    """An image to be made in the attempt `attempt_id`. With a handle, its call was submitted before."""

    index: int
    attempt_id: str
    handle: str | None = None
