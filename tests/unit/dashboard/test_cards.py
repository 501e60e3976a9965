"""A job as its card."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from imagegeneration.dashboard.jobs.cards import Reader, card, is_active, tile_share
from imagegeneration.jobs.job import AttemptError, Job
from imagegeneration.jobs.lifecycle import previewed
from imagegeneration.jobs.outlook import Outlook
from imagegeneration.jobs.progress import Progress
from tests.unit.dashboard.samples import NOW, URL, approval, image, job, stored_image


def test_a_card_has_thumbnails_and_addresses_and_no_original_as_a_picture() -> None:
    shown = card(job())
    assert shown["images"] == [
        {
            "state": "STORED",
            "word": "Done",
            "thumb": f"{URL}.thumb.webp",
            "partial": None,
            "url": f"{URL}.png",
            "since": None,
            "size": None,
        }
    ]
    assert shown["urls"] == [f"{URL}.png"]
    assert (shown["title"], shown["prompt"]) == ("homepage card", "a red kite over hills")


def test_the_latest_image_on_the_way_is_shown_until_the_image_is_there() -> None:
    calling = image("CALLING", attempt_id="att_1")
    on_the_way = previewed(previewed(calling, "att_1", f"{URL}-1.webp"), "att_1", f"{URL}-2.webp")
    (tile,) = card(job("RUNNING", [on_the_way]))["images"]
    assert (tile["thumb"], tile["partial"]) == (None, f"{URL}-2.webp")
    for state in ("STORED", "FAILED", "UNKNOWN", "HELD"):
        (tile,) = card(job("RUNNING", [on_the_way.model_copy(update={"state": state})]))["images"]
        assert tile["partial"] is None


def test_only_what_is_possible_is_offered() -> None:
    assert _offered(job()) == (False, False)
    assert _offered(job("QUEUED", [image("HELD")])) == (False, True)
    assert _offered(job("RUNNING", [image("CALLING")], cancel_requested_at=NOW)) == (False, False)
    assert _offered(job("FAILED", [image("FAILED")], error_code="PROVIDER")) == (True, False)


def _offered(one: Job) -> tuple[bool, bool]:
    shown = card(one)
    return shown["retry"], shown["cancel"]


def test_a_failure_says_why_and_a_cancel_is_no_failure() -> None:
    failed = job("FAILED", [image("FAILED")], error="The provider is down.", error_code="PROVIDER")
    canceled = failed.model_copy(update={"error_code": "CANCELED"})
    assert card(failed)["error"] == "The provider is down."
    assert card(canceled)["error"] is None


def test_a_retried_job_counts_its_time_from_the_retry() -> None:
    later = approval().model_copy(update={"approved_at": NOW + timedelta(seconds=60)})
    assert (
        card(job("RUNNING", [image("CALLING", started_at=NOW)], retries=[later]))["since"]
        == card(job())["since"] + 60_000
    )


def test_the_history_is_said_about_a_job_at_work() -> None:
    assert card(job("RUNNING", [image("CALLING")]), 2.5)["about"] == "about 2.5 s an image"
    assert card(job("RUNNING", [image("CALLING")]))["about"] is None


def test_only_jobs_that_are_not_over_need_frequent_looks() -> None:
    assert is_active(job("QUEUED", [image("HELD")]))
    assert is_active(job("RUNNING", [image("CALLING")]))
    assert not is_active(job())


def test_a_queued_job_says_its_place() -> None:
    queued = job("QUEUED", [image("HELD")])
    outlook = Outlook(position=3, starts_in_seconds=40.0, hindrance=None)
    assert card(queued, outlook=outlook)["place"] == "3rd in the queue, starts in about 40 s"
    assert card(queued)["place"] is None


def test_a_job_at_work_says_how_far_it_is_and_that_this_is_an_estimate() -> None:
    progress = Progress(percent=42, images_over=0, image_count=1, expected_seconds=10)
    shown = card(job("RUNNING", [image("CALLING")]), progress=progress)
    assert (shown["percent"], shown["place"]) == (42, "About 42 % done, by an estimate")
    queued = card(job("QUEUED", [image("HELD")]), progress=progress)
    assert queued["place"] is None
    assert card(job())["percent"] is None


def test_an_image_that_does_not_reach_the_bucket_waits_for_storage() -> None:
    now = datetime.now(UTC)
    ages = {"Waiting for storage": timedelta(seconds=11), "Saving": timedelta(seconds=5)}
    for word, age in ages.items():
        made = job("RUNNING", [image("GENERATED", finished_at=now - age)])
        assert card(made)["images"][0]["word"] == word


def test_an_image_that_another_model_made_is_said_to_be_its() -> None:
    fell_back = job(images=[image("STORED"), image("STORED", index=1, model="gpt-image-2", why="It was down.")])
    assert card(job())["made_as"].endswith("medium quality, PNG")
    assert card(fell_back)["made_as"].endswith("medium quality, PNG; 1 image by gpt-image-2 instead")


def test_what_is_late_is_said_to_be_and_what_is_made_is_being_saved() -> None:
    late = Progress(percent=95, is_late=True, images_over=0, image_count=1, expected_seconds=10)
    assert card(job("RUNNING", [image("CALLING")]), progress=late)["place"] == "Taking longer than usual"
    saving = late.model_copy(update={"is_late": False})
    made = job("RUNNING", [image("GENERATED", finished_at=NOW), image("STORED", index=1)])
    assert card(made, progress=saving)["place"] == "Saving the images"


def test_canceled_is_a_state_of_its_own() -> None:
    error = AttemptError(code="CANCELED", message="Canceled before it was started.")
    canceled = job("FAILED", [image("STORED"), image("FAILED", index=1, error=error)], error_code="CANCELED")
    shown = card(canceled)
    assert (shown["status"], shown["tone"]) == ("Canceled", "off")
    assert [(one["state"], one["word"]) for one in shown["images"]] == [("STORED", "Done"), ("CANCELED", "Canceled")]
    tones = {card(one)["tone"] for one in (job(), job("QUEUED", [image("HELD")]), job("RUNNING", [image("CALLING")]))}
    assert "off" not in tones
    refused = job("FAILED", [image("FAILED", error=AttemptError(code="PROVIDER", message="No."))])
    assert card(refused)["images"][0]["state"] == "FAILED"


@pytest.mark.parametrize(
    ("count", "ratio", "share"),
    [
        (1, 2 / 3, 50),  # a portrait alone has the whole height
        (1, 1, 75),
        (1, 16 / 9, 100),  # a wide one the whole width
        (2, 2 / 3, 50),
        (2, 3 / 2, 56.25),  # one above the other
        (4, 1, 37.5),
        (5, 1, 33.33),
    ],
)
def test_images_on_a_card_are_whole_and_as_large_as_can_be(count: int, ratio: float, share: float) -> None:
    assert tile_share(count, ratio) == share


def test_stored_images_say_their_size() -> None:
    (tile,) = card(job(), stored=[stored_image(width=832, height=1248)])["images"]
    assert tile["size"] == "832 × 1248"


def test_who_may_not_change_a_job_is_offered_nothing() -> None:
    reader = Reader(may_change=False, sees_others=True, names={"local": "Ann"})
    failed, queued = job("FAILED", [image("FAILED")]), job("QUEUED", [image("HELD")])
    assert [card(one, reader=reader)[what] for one, what in ((failed, "retry"), (queued, "cancel"))] == [False, False]
    assert card(failed, reader=reader)["owner"] == "Ann"
    assert card(failed)["owner"] is None
