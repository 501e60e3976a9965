"""The hash of an approval and the end of a job."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from imagegeneration.core.ids import new_id
from imagegeneration.jobs.job import JobImage, new_job_id, request_sha256
from imagegeneration.jobs.lifecycle import dropped, failed, held, interrupted, started
from imagegeneration.jobs.verdict import verdict
from imagegeneration.providers.generation import CallFailed, GenerationParameters
from tests.unit.dashboard import samples

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PARAMETERS = GenerationParameters(
    provider="sandbox", model="gpt-image-2.5-flare", size="1024x1024", quality="medium", output_format="png"
)


def waiting(index: int = 0) -> JobImage:
    return held(index, "sandbox", "gpt-image-2.5-flare", 13_700, "2026-11-21")


def calling(index: int = 0) -> JobImage:
    return started(waiting(index), f"att_{index}", NOW)


def stored(index: int = 0) -> JobImage:
    return waiting(index).model_copy(update={"state": "STORED"})


def refused(index: int = 0) -> JobImage:
    failure = CallFailed("no", certainty="not_charged", moderated=True)
    return failed(calling(index), f"att_{index}", failure, NOW, again_since=None)


def test_the_hash_is_over_canonical_json() -> None:
    text = 'emoji 🎨 "quotes"'
    approved = {
        "finalPrompt": text,
        "imageCount": 2,
        "request": {
            "model": "gpt-image-2.5-flare",
            "outputFormat": "png",
            "provider": "sandbox",
            "quality": "medium",
            "size": "1024x1024",
        },
    }
    canonical = json.dumps(approved, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert request_sha256(text, 2, PARAMETERS) == hashlib.sha256(canonical).hexdigest()


def test_every_approved_field_changes_the_hash() -> None:
    before = request_sha256("a", 1, PARAMETERS)
    others = [request_sha256("b", 1, PARAMETERS), request_sha256("a", 2, PARAMETERS)]
    for field, value in (
        ("provider", "openai"),
        ("model", "x"),
        ("size", "x"),
        ("quality", "x"),
        ("output_format", "webp"),
    ):
        others.append(request_sha256("a", 1, PARAMETERS.model_copy(update={field: value})))
    assert len({before, *others}) == 8


@pytest.mark.parametrize("open_image", [waiting(1), calling(1), stored(1).model_copy(update={"state": "GENERATED"})])
def test_a_job_is_not_over_while_an_image_is_open(open_image: JobImage) -> None:
    assert verdict([stored(), open_image]) is None


def test_all_stored_is_done() -> None:
    end = verdict([stored(0), stored(1)])
    assert end is not None
    assert (end.status, end.error_code, end.error) == ("DONE", None, None)


def test_interrupted_wins_over_every_other_reason() -> None:
    canceled = dropped(waiting(1), "CANCELED", "Canceled.", NOW)
    end = verdict([refused(0), canceled, interrupted(calling(2), NOW), stored(3)])
    assert end is not None
    assert (end.status, end.error_code) == ("FAILED", "INTERRUPTED")
    assert end.error is not None
    assert end.error.startswith("1 of 4 images were made.")
    assert "Perhaps it was charged" in end.error


def test_the_refusal_of_the_prompt_is_shown_before_a_cancel() -> None:
    end = verdict([dropped(waiting(0), "CANCELED", "Canceled.", NOW), refused(1)])
    assert end is not None
    assert end.error_code == "MODERATION"


def test_alternates_are_hashed_in_their_order_after_the_request() -> None:
    other = PARAMETERS.model_copy(update={"model": "gpt-image-2"})
    approved = {
        "finalPrompt": "a kite",
        "imageCount": 1,
        "request": PARAMETERS.document(),
        "alternates": [other.document()],
    }
    canonical = json.dumps(approved, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert request_sha256("a kite", 1, PARAMETERS, [other]) == hashlib.sha256(canonical).hexdigest()


def test_a_job_without_any_image_gives_the_reason_alone() -> None:
    end = verdict([refused(0), refused(1)])
    assert end is not None
    assert (end.status, end.error_code, end.error) == ("FAILED", "MODERATION", "no")


def test_an_earlier_error_of_an_image_that_was_made_after_all_is_none_of_the_job() -> None:
    made = stored(0).model_copy(update={"attempts": refused(0).attempts})
    end = verdict([made])
    assert end is not None
    assert (end.status, end.error) == ("DONE", None)


def test_a_call_sends_the_approved_prompt_and_the_seed_of_its_own_image() -> None:
    job = samples.job(final_prompt="a kite, to the letter ")
    plain = job.generation_request(PARAMETERS, 1)
    assert (plain.final_prompt, plain.seed, plain.model) == ("a kite, to the letter ", None, PARAMETERS.model)
    one_seed = job.generation_request(PARAMETERS.model_copy(update={"seed": 7}), 1)
    assert (one_seed.seed, one_seed.seeds) == (7, ())
    seeds = PARAMETERS.model_copy(update={"seed": 7, "seeds": (7, 8, 9)})
    sent = [job.generation_request(seeds, index) for index in range(3)]
    assert [(each.seed, each.seeds) for each in sent] == [(7, ()), (8, ()), (9, ())]


def test_the_money_of_a_job_is_that_of_its_images() -> None:
    job = samples.job("RUNNING", [waiting(0), calling(1), interrupted(calling(2), NOW), refused(3), stored(4)])
    assert (job.held_micros, job.cost_micros, job.unknown_micros) == (2 * 13_700, 13_700, 13_700)
    assert new_id("att").startswith("att_01")
    assert new_job_id() != new_job_id()
    assert new_job_id().startswith("imgjob_01")
