"""What a person can expect who waits for a job to begin."""

from __future__ import annotations

from imagegeneration.core.value import Moment, Value


class Outlook(Value):
    """A queued job's place: `position` 1 is next. `starts_in_seconds` is an estimate from history, where there is one.

    `hindrance` says in words why nothing is started at present, if so.
    """

    position: int
    starts_in_seconds: float | None
    hindrance: str | None


class Waiting(Value):
    """One user's queued jobs: how many, and since when the oldest waits."""

    user_id: str
    jobs: int
    since: Moment


def starts_in(images_ahead: float, in_flight: int, at_once: int, seconds_an_image: float) -> float:
    """Seconds until one more image can begin, behind so many others, where `at_once` are made side by side."""
    too_many = images_ahead + in_flight + 1 - at_once
    return max(0.0, too_many / at_once * seconds_an_image)
