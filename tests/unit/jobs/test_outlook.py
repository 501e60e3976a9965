"""When a queued job is expected to begin."""

from __future__ import annotations

import pytest

from imagegeneration.jobs.outlook import starts_in


@pytest.mark.parametrize(
    ("ahead", "in_flight", "at_once", "seconds"),
    [(0, 0, 8, 0), (0, 7, 8, 0), (0, 8, 8, 2.5), (8, 8, 8, 22.5), (3, 0, 2, 20), (2.5, 1, 1, 70)],
)
def test_an_image_waits_for_those_ahead_that_do_not_fit_side_by_side(
    ahead: float, in_flight: int, at_once: int, seconds: float
) -> None:
    assert starts_in(ahead, in_flight, at_once, 20) == seconds
