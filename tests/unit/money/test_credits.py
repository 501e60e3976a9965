"""What images cost in credits, and what a change of images uses up or gives back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from imagegeneration.jobs.job import JobImage
from imagegeneration.jobs.lifecycle import (
    accepted_as_lost,
    dropped,
    failed,
    generated,
    held,
    interrupted,
    marked_not_charged,
    not_an_image,
    reopened,
    started,
)
from imagegeneration.money.credit import credits_an_image
from imagegeneration.providers.generation import Answer, CallFailed, GenerationParameters
from tests.unit.jobs.moving import credits_moved

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
ANSWER = Answer(b"", None, None, None)
REQUEST = GenerationParameters(
    provider="sandbox", model="gpt-image-2", size="1024x1024", quality="medium", output_format="png"
)


@pytest.mark.parametrize(
    ("size", "image_count", "is_edit", "cost"),
    [
        ("512x512", 1, False, 1),
        ("256x512", 1, False, 1),
        ("1024x1024", 1, False, 2),
        ("512x513", 1, False, 2),
        ("512x512", 1, True, 2),
        ("1024x1024", 2, False, 1),
        ("512x512", 5, True, 1),
    ],
)
def test_the_costs_are_those_of_the_requirements(size: str, image_count: int, is_edit: bool, cost: int) -> None:
    assert credits_an_image(size, image_count, is_edit=is_edit) == cost
    assert credits_an_image("512x512", 1) == 1


def new() -> JobImage:
    return held(0, "sandbox", "gpt-image-2", 20_000, "2026-11-21", credit_cost=2)


def calling(image: JobImage, attempt_id: str = "att_1") -> JobImage:
    return started(image, attempt_id, NOW)


def refused(*, retryable: bool = False) -> CallFailed:
    return CallFailed("No.", certainty="not_charged", retryable=retryable)


def test_an_approval_spends() -> None:
    assert credits_moved([], [new()]) == 2


def test_an_image_that_is_made_keeps_them() -> None:
    made = generated(calling(new()), "att_1", ANSWER, 10, "host", NOW)
    assert credits_moved([new()], [made]) == 0


@pytest.mark.parametrize(
    "ended",
    [
        dropped(new(), "CANCELED", "Canceled.", NOW),
        failed(calling(new()), "att_1", refused(), NOW, again_since=None),
        marked_not_charged(interrupted(calling(new()), NOW), NOW),
    ],
)
def test_an_image_that_ends_known_not_charged_gives_them_back(ended: JobImage) -> None:
    assert ended.state == "FAILED"
    assert credits_moved([new()], [ended]) == -2


@pytest.mark.parametrize(
    "ended",
    [
        interrupted(calling(new()), NOW),
        accepted_as_lost(interrupted(calling(new()), NOW), NOW),
        not_an_image(calling(new()), "att_1", ANSWER, 10, "junk", NOW),
    ],
)
def test_an_image_that_was_charged_or_perhaps_charged_does_not(ended: JobImage) -> None:
    assert credits_moved([new()], [ended]) == 0


def test_another_attempt_of_the_same_approval_moves_nothing() -> None:
    again = failed(calling(new()), "att_1", refused(retryable=True), NOW, again_since=NOW)
    assert again.state == "HELD"
    assert credits_moved([new()], [again]) == 0


def test_a_retry_costs_again() -> None:
    doubtful = interrupted(calling(new()), NOW)
    assert credits_moved([doubtful], [reopened(doubtful, REQUEST, 20_000, "2026-11-21", credit_cost=2)]) == 2


def test_a_late_answer_takes_them_after_all() -> None:
    given_back = marked_not_charged(interrupted(calling(new()), NOW), NOW)
    late = generated(given_back, "att_1", ANSWER, 10, "host", NOW)
    assert credits_moved([given_back], [late]) == 2
