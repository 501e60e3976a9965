"""How far a job is said to be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from imagegeneration.jobs.job import ImageState
from imagegeneration.jobs.progress import MOST_PERCENT, Progress, progress_of
from tests.unit.dashboard.samples import NOW, image, job


def after(seconds: float, *states: ImageState, expected: float = 10) -> Progress:
    images = [image(state, index, started_at=NOW) for index, state in enumerate(states)]
    found = progress_of(job("RUNNING", images), expected, NOW + timedelta(seconds=seconds))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("seconds", "percent"),
    [(-5, 0), (0, 0), (0.09, 0), (2.5, 25), (9.45, 94), (9.9, MOST_PERCENT), (10_000, MOST_PERCENT)],
)
def test_it_is_estimated_from_the_time_and_never_done_by_itself(seconds: float, percent: int) -> None:
    found = after(seconds, "CALLING")
    assert (found.percent, found.is_estimate) == (percent, True)


def test_images_that_are_over_count_whole_and_those_that_wait_not_at_all() -> None:
    found = after(5, "STORED", "CALLING", "HELD")
    assert (found.percent, found.images_over, found.image_count) == (50, 1, 3)
    assert after(0, "GENERATED").percent == MOST_PERCENT
    assert after(0, "STORED").percent == MOST_PERCENT, "its job is not concluded yet"
    assert after(5, "STORED", "STORED", "STORED", "STORED", "HELD").percent == 80
    assert after(5, "HELD", "HELD", "STORED").percent == 33
    assert after(5, "CALLING", expected=1000).percent == 0
    assert after(0.1, "STORED", "CALLING").percent == 50
    assert after(0.5, "CALLING", expected=1).percent == 50


def test_without_an_expectation_only_what_is_known_counts() -> None:
    assert after(5, "STORED", "CALLING", expected=0).percent == 50


def test_a_job_that_is_over_has_no_progress() -> None:
    assert progress_of(job(), 10, NOW) is None


@pytest.mark.parametrize(("seconds", "is_late"), [(9.9, False), (10, False), (10.1, True)])
def test_an_image_is_late_once_the_estimate_has_passed(seconds: float, is_late: bool) -> None:
    assert after(seconds, "CALLING", "STORED").is_late is is_late
    assert not after(seconds, "GENERATED").is_late, "it is made"
    assert not after(seconds, "CALLING", expected=0).is_late
    assert after(seconds, "CALLING", expected=1).is_late
