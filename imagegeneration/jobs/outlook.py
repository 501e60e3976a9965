"""The outlook of a queued job: its position, and when it will begin."""

from __future__ import annotations

from imagegeneration.core.value import Moment, Value


class Outlook(Value):
    """A queued job's position, where 1 is next. `starts_in_seconds` is an estimate from history, or None without one.

    `hindrance` says in words why no call is started at present, if there is a reason.
    """

    position: int
    starts_in_seconds: float | None
    hindrance: str | None


class Waiting(Value):
    """A user's queued jobs: their number, and since when the oldest waits."""

    user_id: str
    jobs: int
    since: Moment


def starts_in(images_ahead: float, in_flight: int, at_once: int, seconds_an_image: float) -> float:
    """Estimate the seconds until one more image begins, behind `images_ahead`, with `at_once` made in parallel."""
    too_many = images_ahead + in_flight + 1 - at_once
    return max(0.0, too_many / at_once * seconds_an_image)
