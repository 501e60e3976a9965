"""The guards of what is told of a job, and of what is shown of an image on the way."""

from __future__ import annotations

from tests.faults.support.guards import CLAUSES, LIFECYCLE, STORE, Guard

PARTIALS = "imagegeneration/services/partials.py"
CATALOG = "imagegeneration/domain/catalog.py"
STREAM = "imagegeneration/providers/openai.py"
TOLD = "tests/integration/test_events.py::"
KINDS = "tests/unit/domain/test_event.py::"
ON_THE_WAY = "tests/integration/test_partials.py::"
PRICES = "tests/unit/domain/test_catalog.py::"
STEPS_OF_A_STREAM = "tests/unit/providers/test_streamed.py::"
STREAMS = "tests/integration/providers/test_streams.py::"

GUARDS = (
    Guard(
        "events: the number is counted with the news",
        STORE,
        '            more["$inc"] = {"lastEvent": len(news)}\n',
        "",
        [TOLD + "test_the_one_way_door_is_one_write_and_has_its_event"],
    ),
    Guard(
        "events: the next transaction takes the job's news along",
        STORE,
        "numbered([*waiting, *news], first,",
        "numbered(news, first,",
        [TOLD + "test_events_are_kept_for_a_week_and_are_as_many_as_their_job_says"],
    ),
    Guard(
        "events: news in the write of the change",
        STORE,
        '            pushed["news"] = {"$each": [one.document() for one in news]}\n',
        "",
        [TOLD + "test_the_one_way_door_is_one_write_and_has_its_event"],
    ),
    Guard(
        "events: news is taken along once",
        STORE,
        '"$currentDate": {"updatedAt": True}, "$unset": {"news": True}}',
        '"$currentDate": {"updatedAt": True}}',
        [TOLD + "test_events_are_kept_for_a_week_and_are_as_many_as_their_job_says"],
    ),
    Guard(
        "events: counted in a transaction too",
        STORE,
        '            update["$inc"] = {"lastEvent": len(news)}\n',
        "            pass\n",
        [TOLD + "test_events_are_kept_for_a_week_and_are_as_many_as_their_job_says"],
    ),
    Guard(
        "events: in the transaction of the change",
        STORE,
        'before["jobId"], before["userId"])\n        self._events.append(events, session=session)',
        'before["jobId"], before["userId"])\n        self._events.append(events, session=None)',
        [TOLD + "test_a_change_that_is_given_up_is_not_told_of"],
    ),
    Guard(
        "events: in the transaction of the approval",
        STORE,
        "self._events.append(numbered(news, 1, job.job_id, job.user_id), session=session)",
        "self._events.append(numbered(news, 1, job.job_id, job.user_id), session=None)",
        [TOLD + "test_a_change_that_is_given_up_is_not_told_of"],
    ),
    Guard(
        "events: the end takes the news along",
        STORE,
        "news = [*job.news, *([end_of",
        "news = [*([end_of",
        [CLAUSES + "test_the_end_of_a_job_takes_its_news_along"],
    ),
    Guard(
        "events: the end takes the news along once",
        STORE,
        '        {"$unset": "news"},\n',
        "",
        [CLAUSES + "test_the_end_of_a_job_takes_its_news_along"],
    ),
    Guard(
        "events: no end without the news that came meanwhile",
        STORE,
        '"lastEvent": job.last_event or None, ',
        "",
        [CLAUSES + "test_a_job_is_not_concluded_without_the_news_that_came_meanwhile"],
    ),
    Guard(
        "events: one of a number",
        "imagegeneration/store/events.py",
        ', ("eventId", ASCENDING)], unique=True)',
        ', ("eventId", ASCENDING)])',
        [TOLD + "test_events_are_kept_for_a_week_and_are_as_many_as_their_job_says"],
    ),
    Guard(
        "events: no number that the job has not come to",
        "imagegeneration/services/following.py",
        "        if after > last:",
        "        if False:",
        [TOLD + "test_a_number_that_is_none_of_the_jobs_events_is_refused"],
    ),
    Guard(
        "shown: only while CALLING",
        LIFECYCLE,
        'if image.state != "CALLING" or image.attempt.attempt_id != attempt_id:\n'
        '        return image\n    return _with_last(image, "CALLING", partial_urls',
        "if image.attempt.attempt_id != attempt_id:\n"
        '        return image\n    return _with_last(image, "CALLING", partial_urls',
        [KINDS + "test_what_an_image_looks_like_on_the_way_is_told_each_time_and_only_while_it_is_made"],
    ),
    Guard(
        "shown: of the same attempt",
        LIFECYCLE,
        'if image.state != "CALLING" or image.attempt.attempt_id != attempt_id:\n'
        '        return image\n    return _with_last(image, "CALLING", partial_urls',
        'if image.state != "CALLING":\n        return image\n    return _with_last(image, "CALLING", partial_urls',
        [KINDS + "test_what_an_image_looks_like_on_the_way_is_told_each_time_and_only_while_it_is_made"],
    ),
    Guard(
        "partial images: no more than there may be",
        PARTIALS,
        "if number > MAX_PARTIAL_IMAGES or not",
        "if not",
        [ON_THE_WAY + "test_no_more_are_shown_than_there_may_be"],
    ),
    Guard(
        "partial images: not in the way of the call",
        PARTIALS,
        "self._pool.submit(self._show, job, index, attempt_id, number, content)",
        "self._show(job, index, attempt_id, number, content)",
        [ON_THE_WAY + "test_a_bucket_that_hangs_keeps_no_call_waiting"],
    ),
    Guard(
        "partial images: no more than there is room for",
        PARTIALS,
        "not self._room.acquire(blocking=False)",
        "False",
        [ON_THE_WAY + "test_where_there_is_no_room_they_are_passed_over"],
    ),
    Guard(
        "partial images: part of the quote",
        CATALOG,
        "            (parameters.partial_images * prices.partial_tokens, prices.image_out),\n",
        "",
        [PRICES + "test_images_on_the_way_are_part_of_the_quote"],
    ),
    Guard(
        "partial images: not without a price",
        CATALOG,
        "if parameters.partial_images and not prices.partial_micros:",
        "if False:",
        [PRICES + "test_images_on_the_way_without_a_price_are_refused"],
    ),
    Guard(
        "stream: an error after an image may be charged",
        STREAM,
        "failure = None if some_came else error_instead(",
        "failure = error_instead(",
        [STEPS_OF_A_STREAM + "test_an_error_in_a_stream_is_free_only_if_it_refuses_before_the_first_image"],
    ),
    Guard(
        "stream: an error that is no refusal may be charged",
        "imagegeneration/providers/refusal.py",
        'certainty="unknown" if verdict == "unknown" else "not_charged"',
        'certainty="not_charged"',
        [STEPS_OF_A_STREAM + "test_an_error_in_a_stream_is_free_only_if_it_refuses_before_the_first_image"],
    ),
    Guard(
        "stream: an image on the way is remembered",
        STREAM,
        "                    some_came = True\n",
        "",
        [STREAMS + "test_a_stream_without_an_answer_says_what_is_known_of_the_money"],
    ),
    Guard(
        "stream: one that ends early may be charged",
        STREAM,
        '"The provider\'s answer ended before the image came.", certainty="unknown"',
        '"The provider\'s answer ended before the image came.", certainty="not_charged"',
        [STREAMS + "test_a_stream_without_an_answer_says_what_is_known_of_the_money"],
    ),
    Guard(
        "stream: one that takes too long may be charged",
        "imagegeneration/providers/streamed.py",
        "        if time.monotonic() > deadline:",
        "        if False:",
        [STEPS_OF_A_STREAM + "test_a_stream_that_takes_too_long_is_given_up"],
    ),
    Guard(
        "stream: no more than an image",
        "imagegeneration/providers/streamed.py",
        "        if len(waiting) > MAX_ANSWER_BYTES:",
        "        if False:",
        [STEPS_OF_A_STREAM + "test_a_stream_larger_than_any_image_is_given_up"],
    ),
)
