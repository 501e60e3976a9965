"""The events of a job follow from what is written about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from imagegeneration.assets.asset import StoredImage
from imagegeneration.jobs.event import JobEvent, events_of, final_event, numbered_after
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.jobs.lifecycle import (
    dropped,
    failed,
    generated,
    held,
    interrupted,
    previewed,
    reopened,
    started,
    stored,
    submitted,
)
from imagegeneration.providers.generation import Answer, CallFailed, GenerationParameters
from tests.unit.dashboard.samples import MODEL, NOW, job, stored_image

DAY = "2026-11-21"
WANTED = GenerationParameters(provider="sandbox", model=MODEL, size="1024x1024", quality="medium", output_format="png")
HELD = held(0, "sandbox", MODEL, 10_000, DAY)
CALLING = started(HELD, "att_1", NOW)
ANSWER = Answer(b"bytes", None, None, None)
MADE = generated(CALLING, "att_1", ANSWER, 9_000, "host", NOW)
JOB: Job = job().model_copy(update={"last_event": 3, "cancel_requested_at": None})


def events(old: Sequence[JobImage], new: Sequence[JobImage]) -> list[JobEvent]:
    return events_of(JOB, old, new, {}, NOW)


def types(old: JobImage, new: JobImage) -> list[str]:
    return [event.type for event in events([old], [new])]


def event(kind: str, number: int = 4, **facts: object) -> JobEvent:
    return JobEvent.model_validate(
        {"type": kind, "event_id": number, "job_id": JOB.job_id, "user_id": JOB.user_id, "created_at": NOW} | facts
    )


def test_a_new_job_is_queued_once_however_many_images_it_has() -> None:
    second = held(1, "sandbox", MODEL, 10_000, DAY)
    assert events((), [HELD, second]) == [event("queued")]


def test_each_step_of_an_image_is_an_event() -> None:
    record: StoredImage = stored_image(attempt_id="att_1")
    assert types(HELD, CALLING) == ["started"]
    assert types(CALLING, MADE) == ["generated"]
    (there,) = events([MADE], [stored(MADE, "att_1", record)])
    assert (there.type, there.index, there.attempt_id) == ("image", 0, "att_1")
    assert (there.url, there.thumbnail_url) == (record.url, record.thumbnail_url)


def test_each_preview_is_an_event_while_the_image_is_made() -> None:
    once = previewed(CALLING, "att_1", "https://cdn/1")
    twice = previewed(once, "att_1", "https://cdn/2")
    assert (types(HELD, once), types(CALLING, once)) == (["started"], ["partial"])
    assert events([once], [twice]) == [event("partial", index=0, attempt_id="att_1", url="https://cdn/2")]
    assert twice.attempt.partial_urls == ("https://cdn/1", "https://cdn/2")
    assert types(twice, generated(twice, "att_1", ANSWER, 9_000, "host", NOW)) == ["generated"]
    assert previewed(MADE, "att_1", "https://cdn/3") is MADE
    assert previewed(CALLING, "att_2", "https://cdn/3") is CALLING
    assert previewed(HELD, "att_1", "https://cdn/3") is HELD


def test_what_goes_wrong_has_its_reason() -> None:
    passing = CallFailed("Too many requests.", certainty="not_charged", retryable=True)
    again = failed(CALLING, "att_1", passing, NOW, again_since=NOW - timedelta(hours=1))
    assert events([CALLING], [again]) == [
        event("retrying", index=0, attempt_id="att_1", code="PROVIDER", message="Too many requests.")
    ]
    (missing,) = events([HELD], [dropped(HELD, "CANCELED", "Canceled.", NOW)])
    assert (missing.type, missing.code, missing.message) == ("missing", "CANCELED", "Canceled.")
    (doubtful,) = events([CALLING], [interrupted(CALLING, NOW)])
    assert (doubtful.type, doubtful.code) == ("missing", "INTERRUPTED")


def test_a_retry_queues_the_job_again() -> None:
    gone = dropped(HELD, "CANCELED", "Canceled.", NOW)
    assert types(gone, reopened(gone, WANTED, 10_000, DAY)) == ["queued"]


def test_a_change_that_no_client_sees_has_no_event() -> None:
    assert types(CALLING, submitted(CALLING, "att_1", "handle")) == []
    assert types(MADE, MADE) == []
    assert events([], []) == []


def test_other_images_do_not_hide_a_retry() -> None:
    gone = dropped(HELD, "CANCELED", "Canceled.", NOW)
    second = started(held(1, "sandbox", MODEL, 10_000, DAY), "att_2", NOW)
    assert events([gone, second], [reopened(gone, WANTED, 10_000, DAY), second]) == [event("queued")]
    made = generated(second, "att_2", ANSWER, 9_000, "host", NOW)
    assert events([gone, second], [gone, made]) == [event("generated", index=1, attempt_id="att_2")]


def test_a_cancel_is_an_event_once_and_comes_first() -> None:
    gone = dropped(HELD, "CANCELED", "Canceled.", NOW)
    canceled = {"cancelRequestedAt": NOW}
    found = events_of(JOB, [HELD], [gone], canceled, NOW)
    assert [(one.event_id, one.type) for one in found] == [(4, "canceled"), (5, "missing")]
    before = JOB.model_copy(update={"cancel_requested_at": NOW})
    assert events_of(before, [], [], canceled, NOW) == []
    assert events_of(JOB, [], [], {"cancelRequestedAt": None}, NOW) == []


def test_the_end_says_why() -> None:
    assert events_of(JOB, (), (), {"status": "DONE"}, NOW) == [event("completed")]
    why = {"status": "FAILED", "errorCode": "STORAGE", "error": "The bucket is gone."}
    assert events_of(JOB, (), (), why, NOW) == [event("error", code="STORAGE", message="The bucket is gone.")]
    assert events_of(JOB, (), (), {"status": "FAILED"}, NOW) == [event("error")]
    assert events_of(JOB, (), (), {"status": "RUNNING", "cdnUrls": []}, NOW) == []


def test_the_final_event_is_known_from_the_document() -> None:
    ended = {"status": "FAILED", "error_code": "PROVIDER", "error": "No.", "updated_at": NOW}
    assert final_event(JOB.model_copy(update=ended)) == event("error", 3, code="PROVIDER", message="No.")
    done = {"status": "DONE", "error_code": None, "error": None, "updated_at": NOW}
    assert final_event(JOB.model_copy(update=done)) == event("completed", 3)


def test_events_are_numbered_anew_and_keep_all_else() -> None:
    found = numbered_after(7, [event("started", 4, index=2), event("partial", 5, url="https://cdn/1")])
    assert found == [event("started", 8, index=2), event("partial", 9, url="https://cdn/1")]


def test_a_document_leaves_out_what_an_event_does_not_have() -> None:
    assert set(event("queued").document()) == {"schemaVersion", "eventId", "jobId", "userId", "type", "createdAt"}
