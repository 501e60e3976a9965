"""How the dashboard says things."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from imagegeneration.dashboard.kit import job_words, words
from imagegeneration.jobs.job import Attempt, Certainty, ErrorCode, ImageState, Outcome, Status
from imagegeneration.jobs.outlook import Outlook
from imagegeneration.money.credit import CreditQuote
from imagegeneration.providers.generation import Usage
from tests.unit.dashboard.samples import NOW, attempt, image, job


def test_every_state_has_a_word() -> None:
    assert set(job_words.IMAGE_WORDS) == set(job_words.IMAGE_TONES) == set(get_args(ImageState))
    assert set(job_words.OUTCOME_WORDS) == set(get_args(Outcome))
    assert set(job_words.CERTAINTY_WORDS) == set(get_args(Certainty))


@pytest.mark.parametrize(
    ("status", "code", "canceled", "said"),
    [
        ("QUEUED", None, False, ("Queued", "neutral")),
        ("RUNNING", None, False, ("Running", "active")),
        ("RUNNING", None, True, ("Canceling", "active")),
        ("DONE", None, False, ("Done", "good")),
        ("FAILED", "PROVIDER", False, ("Failed", "bad")),
        ("FAILED", "INTERRUPTED", False, ("Perhaps charged", "bad")),
        ("FAILED", "CANCELED", True, ("Canceled", "off")),
    ],
)
def test_the_status_of_a_job(status: Status, code: ErrorCode | None, canceled: bool, said: tuple[str, str]) -> None:
    asked = NOW if canceled else None
    assert job_words.job_status(job(status=status, error_code=code, cancel_requested_at=asked)) == said


def test_how_far_a_job_is() -> None:
    images = [image("STORED", index=0), image("CALLING", index=1), image("FAILED", index=2)]
    assert job_words.made_of(job(status="RUNNING", images=images)) == "1 of 3 images"
    assert job_words.made_of(job(status="DONE", images=[image("STORED")])) == "1 image"
    assert job_words.made_of(job(status="QUEUED", images=[image("HELD")])) == "0 of 1 image"


USED = Usage(input_text_tokens=1_200, input_image_tokens=0, output_tokens=4_160)


@pytest.mark.parametrize(
    ("tried", "said"),
    [
        (attempt(), "Up to $0.0137 is held"),
        (attempt(certainty="not_charged"), "Nothing was charged"),
        (attempt(certainty="unknown", cost_micros=13_700), "Perhaps $0.0137, counted as spent"),
        (attempt(certainty="charged", cost_micros=13_300, usage=USED), "$0.0133"),
        (
            attempt(certainty="charged", cost_micros=13_700),
            "$0.0137, as quoted: the provider reported no usage",
        ),
    ],
)
def test_what_an_attempt_cost(tried: Attempt, said: str) -> None:
    assert job_words.attempt_cost(tried) == said


def test_usage_is_said_or_said_to_be_missing() -> None:
    with_image = USED.model_copy(update={"input_image_tokens": 7})
    assert job_words.usage(attempt(certainty="charged", usage=USED)) == "1,200 text in, 4,160 image out tokens"
    assert job_words.usage(attempt(usage=with_image)) == "1,200 text in, 7 image in, 4,160 image out tokens"
    assert job_words.usage(attempt(certainty="charged")) == "The provider reported no usage"
    assert job_words.usage(attempt(certainty="not_charged")) is None


def test_what_a_job_cost() -> None:
    made = image("STORED", certainty="charged", cost_micros=13_300)
    lost = image("UNKNOWN", index=1, certainty="unknown", cost_micros=13_700)
    refused = image("FAILED", index=1, certainty="not_charged")
    assert job_words.job_cost(job(status="DONE", images=[made])) == "$0.0133"
    assert job_words.job_cost(job(status="FAILED", images=[refused])) == "Nothing was charged"
    assert (
        job_words.job_cost(job(status="FAILED", images=[made, lost])) == "$0.027, of which $0.0137 was perhaps charged"
    )
    assert job_words.job_cost(job(status="QUEUED", images=[image("HELD")])) == "Up to $0.0137 is held"
    running = job(status="RUNNING", images=[made, image("CALLING", index=1)])
    assert job_words.job_cost(running) == "$0.0133 so far, up to $0.0137 more is held"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0004, "0 ms"),
        (0.85, "850 ms"),
        (3, "3 s"),
        (3.14, "3.1 s"),
        (12.4, "12 s"),
        (185, "3 min 5 s"),
        (7_440, "2 h 4 min"),
    ],
)
def test_spans_of_time(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("size", "said"),
    [(70, "70 bytes"), (2_048, "2.0 KB (2,048 bytes)"), (3_145_728, "3.0 MB (3,145,728 bytes)")],
)
def test_sizes_of_files(size: int, said: str) -> None:
    assert words.file_size(size) == said


def test_the_readers_clock() -> None:
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    now = datetime(2026, 11, 21, 15, tzinfo=UTC)
    berlin, los_angeles = words.zone("Europe/Berlin", None), words.zone("America/Los_Angeles", None)
    assert words.clock(midnight, berlin, now) == "01:00 tomorrow"
    assert words.clock(midnight, los_angeles, now) == "16:00 today"
    assert words.clock(midnight, UTC, now) == "00:00 UTC tomorrow"
    assert words.clock(midnight + timedelta(days=2), berlin, now) == "01:00 on 24 November 2026"


def test_a_zone_nobody_knows_falls_back_to_the_offset() -> None:
    assert words.zone("Mars/Olympus", -330) == timezone(timedelta(hours=5, minutes=30))
    assert words.zone("../../etc/passwd", 60) == timezone(timedelta(hours=-1))
    assert words.zone(None, None) is UTC
    assert words.zone(None, 10_000) is UTC


def test_a_label_shows_markdown_to_the_letter() -> None:
    assert words.literal("Generate 3 images for up to $0.05") == r"Generate 3 images for up to \$0\.05"
    assert words.literal(":red[x]") == r"\:red\[x\]"


def test_a_moment_for_the_browser() -> None:
    assert words.milliseconds(datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)) == 1_500
    assert words.milliseconds(None) is None


@pytest.mark.parametrize(
    ("position", "seconds", "hindrance", "said"),
    [
        (1, 0.2, None, "Next in the queue, starts at any moment"),
        (2, 40.4, None, "2nd in the queue, starts in about 40 s"),
        (3, 185.0, None, "3rd in the queue, starts in about 3 min 5 s"),
        (11, None, None, "11th in the queue"),
        (1_022, None, "No runner is alive.", "1,022nd in the queue. No runner is alive."),
    ],
)
def test_the_place_of_a_queued_job(position: int, seconds: float | None, hindrance: str | None, said: str) -> None:
    outlook = Outlook(position=position, starts_in_seconds=seconds, hindrance=hindrance)
    assert job_words.place(outlook) == said


def test_what_is_paused_and_who_did_it_have_names() -> None:
    assert words.scope("everything") == "everything"
    assert words.scope("provider:openai") == "OpenAI"
    assert words.scope("model:gpt-image-2.5-flare") == "the model gpt-image-2.5-flare"
    assert words.person("local") == "you, on this machine"
    assert words.person("ann") == "ann"
    assert words.capital("the sandbox") == "The sandbox"


def test_what_an_approval_costs_in_credits() -> None:
    assert words.credits_of(CreditQuote(cost=2, left=14)) == "2 credits of 14"
    assert words.credits_of(CreditQuote(cost=1, left=0)) == "1 credit of 0"


def test_what_is_sent_names_the_seed_of_each_image() -> None:
    one = job().request.model_copy(update={"seed": 41})
    several = one.model_copy(update={"seeds": (41, 42, 43)})
    assert "seed 41" in words.made_as(one)
    assert "seeds 41, 42, 43" in words.made_as(several)
    assert "random seeds, another for each image" in words.made_as(several, draws_seed=True)


def test_a_cost_that_is_estimated_says_so() -> None:
    zeros = USED.model_copy(update={"implausible": True})
    assert "as quoted: the provider's count" in job_words.attempt_cost(attempt(certainty="charged", usage=zeros))
    mixed = USED.model_copy(update={"undivided_tokens": 7})
    assert "an estimate" in job_words.attempt_cost(attempt(certainty="charged", usage=mixed))
    assert job_words.usage(attempt(usage=mixed)) == "1,200 text in, 7 text or image in, 4,160 image out tokens"
