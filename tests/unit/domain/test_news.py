"""What is told of a job follows from how its images change."""

from __future__ import annotations

from datetime import timedelta

from imagegeneration.assets.asset import StoredImage
from imagegeneration.jobs.event import News, numbered
from imagegeneration.jobs.job import JobImage
from imagegeneration.jobs.lifecycle import (
    dropped,
    failed,
    generated,
    held,
    interrupted,
    reopened,
    shown,
    started,
    stored,
    submitted,
)
from imagegeneration.jobs.news import end_of, news_of
from imagegeneration.providers.generation import Answer, CallFailed, GenerationParameters
from tests.unit.ui.samples import MODEL, NOW, stored_image

DAY = "2026-11-21"
WANTED = GenerationParameters(provider="sandbox", model=MODEL, size="1024x1024", quality="medium", output_format="png")
HELD = held(0, "sandbox", MODEL, 10_000, DAY)
CALLING = started(HELD, "att_1", NOW)
ANSWER = Answer(b"bytes", None, None, None)
MADE = generated(CALLING, "att_1", ANSWER, 9_000, "host", NOW)


def told(old: JobImage, new: JobImage) -> list[str]:
    return [news.type for news in news_of([old], [new], NOW)]


def test_a_new_job_is_queued_once_however_many_images_it_has() -> None:
    second = held(1, "sandbox", MODEL, 10_000, DAY)
    (news,) = news_of((), [HELD, second], NOW)
    assert (news.type, news.index, news.created_at) == ("queued", None, NOW)


def test_an_image_is_told_of_on_its_way() -> None:
    record: StoredImage = stored_image(attempt_id="att_1")
    assert told(HELD, CALLING) == ["started"]
    assert told(CALLING, MADE) == ["generated"]
    (news,) = news_of([MADE], [stored(MADE, "att_1", record)], NOW)
    assert (news.type, news.index, news.attempt_id) == ("image", 0, "att_1")
    assert (news.url, news.thumbnail_url) == (record.url, record.thumbnail_url)


def test_what_an_image_looks_like_on_the_way_is_told_each_time_and_only_while_it_is_made() -> None:
    once = shown(CALLING, "att_1", "https://cdn/1")
    twice = shown(once, "att_1", "https://cdn/2")
    assert (told(HELD, once), told(CALLING, once)) == (["started"], ["partial"])
    (news,) = news_of([once], [twice], NOW)
    assert (news.type, news.index, news.attempt_id, news.url) == ("partial", 0, "att_1", "https://cdn/2")
    assert twice.attempt.partial_urls == ("https://cdn/1", "https://cdn/2")
    assert told(twice, generated(twice, "att_1", ANSWER, 9_000, "host", NOW)) == ["generated"]
    assert shown(MADE, "att_1", "https://cdn/3") is MADE
    assert shown(CALLING, "att_2", "https://cdn/3") is CALLING
    assert shown(HELD, "att_1", "https://cdn/3") is HELD


def test_what_goes_wrong_is_told_with_its_reason() -> None:
    passing = CallFailed("Too many requests.", certainty="not_charged", retryable=True)
    again = failed(CALLING, "att_1", passing, NOW, again_since=NOW - timedelta(hours=1))
    (news,) = news_of([CALLING], [again], NOW)
    assert (news.type, news.attempt_id, news.code, news.message) == (
        "retrying",
        "att_1",
        "PROVIDER",
        "Too many requests.",
    )
    (missing,) = news_of([HELD], [dropped(HELD, "CANCELED", "Canceled.", NOW)], NOW)
    assert (missing.type, missing.code, missing.message) == ("missing", "CANCELED", "Canceled.")
    (doubtful,) = news_of([CALLING], [interrupted(CALLING, NOW)], NOW)
    assert (doubtful.type, doubtful.code) == ("missing", "INTERRUPTED")


def test_a_retry_is_a_wait_again() -> None:
    gone = dropped(HELD, "CANCELED", "Canceled.", NOW)
    assert told(gone, reopened(gone, WANTED, 10_000, DAY)) == ["queued"]


def test_nothing_is_told_of_what_nobody_can_see() -> None:
    assert told(CALLING, submitted(CALLING, "att_1", "handle")) == []
    assert told(MADE, MADE) == []


def test_the_end_says_why() -> None:
    assert end_of({"status": "DONE"}, NOW) == News(type="completed", created_at=NOW)
    end = end_of({"status": "FAILED", "errorCode": "STORAGE", "error": "The bucket is gone."}, NOW)
    assert (end.type, end.code, end.message) == ("error", "STORAGE", "The bucket is gone.")


def test_events_are_numbered_and_leave_out_what_they_do_not_have() -> None:
    events = numbered([News(type="queued", created_at=NOW), News(type="completed", created_at=NOW)], 4, "imgjob_1", "u")
    assert [event.event_id for event in events] == [4, 5]
    assert set(events[0].document()) == {"schemaVersion", "eventId", "jobId", "userId", "type", "createdAt"}


def test_news_of_another_image_do_not_hide_a_retry_and_each_says_when() -> None:
    gone = dropped(HELD, "CANCELED", "Canceled.", NOW)
    second = started(held(1, "sandbox", MODEL, 10_000, DAY), "att_2", NOW)
    (queued,) = news_of([gone, second], [reopened(gone, WANTED, 10_000, DAY), second], NOW)
    assert queued == News(type="queued", created_at=NOW)
    made = generated(second, "att_2", ANSWER, 9_000, "host", NOW)
    assert news_of([gone, second], [gone, made], NOW) == (
        News(type="generated", created_at=NOW, index=1, attempt_id="att_2"),
    )
    assert news_of([], [], NOW) == ()


def test_what_is_told_has_every_fact_and_no_other() -> None:
    assert news_of([CALLING], [shown(CALLING, "att_1", "https://cdn/1")], NOW) == (
        News(type="partial", created_at=NOW, index=0, attempt_id="att_1", url="https://cdn/1"),
    )
    assert end_of({"status": "FAILED"}, NOW) == News(type="error", created_at=NOW)
    assert end_of({"status": "FAILED", "errorCode": "PROVIDER", "error": "No."}, NOW).created_at == NOW
    (event,) = numbered([News(type="image", created_at=NOW, index=2, url="https://cdn/1")], 9, "imgjob_1", "ann")
    assert (event.event_id, event.job_id, event.user_id) == (9, "imgjob_1", "ann")
    assert (event.type, event.created_at, event.index, event.url) == ("image", NOW, 2, "https://cdn/1")
