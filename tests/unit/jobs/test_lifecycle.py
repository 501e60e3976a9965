"""The life of one image: any order of events, any of them repeated, and the money still adds up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from imagegeneration.jobs.job import MAX_ATTEMPTS, JobImage
from imagegeneration.jobs.lifecycle import (
    declared_lost,
    dropped,
    failed,
    generated,
    held,
    interrupted,
    not_an_image,
    reopened,
    set_aside,
    started,
    submitted,
    tried_again,
)
from imagegeneration.providers.generation import Answer, CallFailed, GenerationParameters
from tests.unit.jobs.moving import money_moved

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOLD = 13_700
COST = 13_300
ANSWER = Answer(b"bytes", None, "req_1", None)
REQUEST = GenerationParameters(
    provider="sandbox", model="gpt-image-2.5-flare", size="1024x1024", quality="medium", output_format="png"
)


def test_a_handle_is_kept_for_the_call_that_was_submitted_under_it() -> None:
    waiting = held(0, "fal", "fal-ai/flux/dev", HOLD, "2026-11-21")
    calling = started(waiting, "att_1", START)
    assert submitted(calling, "att_1", "handle").attempt.handle == "handle"
    for image, attempt_id in ((calling, "att_0"), (interrupted(calling, START), "att_1")):
        assert submitted(image, attempt_id, "handle") is image


def test_a_retry_that_a_person_has_approved_has_all_its_attempts_again() -> None:
    overloaded = CallFailed("overloaded", certainty="not_charged", retryable=True)

    def tried(image: JobImage, number: int, since: datetime) -> JobImage:
        now = START + timedelta(minutes=number)
        return failed(started(image, f"att_{number}", now), f"att_{number}", overloaded, now, again_since=since)

    image = held(0, "sandbox", "gpt-image-2.5-flare", HOLD, "2026-11-21")
    for number in range(MAX_ATTEMPTS):
        assert image.state == "HELD"
        image = tried(image, number, START)
    assert image.state == "FAILED"
    approved = START + timedelta(hours=1)
    image = reopened(image, REQUEST, HOLD, "2026-11-21")
    for number in range(60, 60 + MAX_ATTEMPTS):
        assert image.state == "HELD", number
        image = tried(image, number, approved)
    assert (image.state, len(image.attempts)) == ("FAILED", 2 * MAX_ATTEMPTS)


GENERATED = generated(
    started(held(0, "sandbox", "gpt-image-2.5-flare", HOLD, "2026-11-21"), "att_1", START),
    *("att_1", ANSWER, COST, "host", START),
)


def test_what_is_set_aside_after_it_was_settled_costs_what_was_settled() -> None:
    aside = set_aside(GENERATED, "att_1", ANSWER, HOLD, "it is damaged", "host", START)
    assert (aside.state, aside.is_set_aside, aside.attempt.cost_micros) == ("FAILED", True, COST)
    assert set_aside(GENERATED, "att_0", ANSWER, HOLD, "it is damaged", "host", START) is GENERATED
    assert set_aside(aside, "att_1", ANSWER, HOLD, "it is damaged", "host", START) is aside


def test_what_was_set_aside_is_tried_again_only_where_its_bytes_are_on_a_machine() -> None:
    for host, state in (("host", "GENERATED"), (None, "FAILED")):
        aside = set_aside(GENERATED, "att_1", ANSWER, COST, "it is damaged", host, START)
        assert tried_again(aside, START).state == state
    assert tried_again(GENERATED, START) is GENERATED


class ImageLife(RuleBasedStateMachine):
    """Drives an image with calls that report early, late, twice, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.image = held(0, "sandbox", "gpt-image-2.5-flare", HOLD, "2026-11-21")
        self.since = START
        self.clock = START
        self.calls: list[str] = []
        self.reported: set[str] = set()
        self.held_micros: Counter[str] = Counter({"2026-11-21": HOLD})
        self.spent_micros: Counter[str] = Counter()

    def now(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def become(self, new: JobImage) -> None:
        for (day, _provider), (held_delta, spent_delta) in money_moved([self.image], [new]).items():
            self.held_micros[day] += held_delta
            self.spent_micros[day] += spent_delta
        self.image = new

    @rule()
    def start(self) -> None:
        attempt_id = f"att_{len(self.calls)}"
        new = started(self.image, attempt_id, self.now())
        if new is not self.image:
            self.calls.append(attempt_id)
        self.become(new)

    @precondition(lambda self: bool(self.calls))
    @rule(data=st.data(), kind=st.sampled_from(["image", "junk", "lost"]))
    def report(self, data: Any, kind: str) -> None:
        attempt_id = data.draw(st.sampled_from(self.calls))
        before = self.image
        if kind == "image":
            self.become(generated(before, attempt_id, ANSWER, COST, "host", self.now()))
        elif kind == "junk":
            self.become(not_an_image(before, attempt_id, ANSWER, COST, "junk", self.now()))
        else:
            unknown = CallFailed("no answer", certainty="unknown")
            self.become(failed(before, attempt_id, unknown, self.now(), again_since=self.since))
        if kind != "lost" and self.image is not before:
            assert attempt_id not in self.reported, "a result counts once"
            self.reported.add(attempt_id)

    @precondition(lambda self: bool(self.calls))
    @rule(data=st.data())
    def put_aside(self, data: Any) -> None:
        attempt_id = data.draw(st.sampled_from(self.calls))
        before = self.image
        self.become(set_aside(before, attempt_id, ANSWER, COST, "it is damaged", "host", self.now()))
        if self.image is not before and before.state != "GENERATED":
            assert attempt_id not in self.reported, "a result counts once"
            self.reported.add(attempt_id)

    @rule()
    def try_again(self) -> None:
        self.become(tried_again(self.image, self.now()))

    @rule()
    def give_up(self) -> None:
        self.become(declared_lost(self.image, self.now()))

    @precondition(lambda self: bool(self.calls))
    @rule(data=st.data())
    def withhold(self, data: Any) -> None:
        attempt_id = data.draw(st.sampled_from(self.calls))
        before = self.image
        failure = CallFailed("blurred", certainty="charged", moderated=True)
        self.become(failed(before, attempt_id, failure, self.now(), again_since=self.since))
        if self.image is not before:
            assert attempt_id not in self.reported, "a result counts once"
            self.reported.add(attempt_id)

    @precondition(lambda self: bool(self.calls))
    @rule(retryable=st.booleans(), canceled=st.booleans())
    def refuse(self, retryable: bool, canceled: bool) -> None:
        failure = CallFailed("no", certainty="not_charged", retryable=retryable)
        since = None if canceled else self.since
        self.become(failed(self.image, self.calls[-1], failure, self.now(), again_since=since))

    @rule()
    def crash(self) -> None:
        self.become(interrupted(self.image, self.now()))

    @rule()
    def cancel(self) -> None:
        self.become(dropped(self.image, "CANCELED", "Canceled.", self.now()))

    @rule(day=st.sampled_from(["2026-11-21", "2026-11-22"]))
    def retry(self, day: str) -> None:
        new = reopened(self.image, REQUEST, HOLD, day)
        if new is not self.image:
            self.since = self.now()
        self.become(new)

    @invariant()
    def the_hold_is_there_exactly_while_the_image_is_open(self) -> None:
        is_open = self.image.state in ("HELD", "CALLING")
        assert sum(self.held_micros.values()) == (HOLD if is_open else 0)
        assert all(amount >= 0 for amount in self.held_micros.values())

    @invariant()
    def what_was_spent_is_what_the_attempts_cost(self) -> None:
        assert sum(self.spent_micros.values()) == sum(attempt.cost_micros for attempt in self.image.attempts)
        assert all(amount >= 0 for amount in self.spent_micros.values())

    @invariant()
    def every_call_is_an_attempt_of_its_own(self) -> None:
        ids = [attempt.attempt_id for attempt in self.image.attempts if attempt.attempt_id is not None]
        assert ids == self.calls

    @invariant()
    def certainty_says_what_it_cost(self) -> None:
        for attempt in self.image.attempts:
            if attempt.certainty == "charged":
                assert attempt.cost_micros == (HOLD if attempt.outcome == "moderated" else COST)
            elif attempt.certainty == "unknown":
                assert attempt.cost_micros == attempt.held_micros
            else:
                assert attempt.cost_micros == 0

    @invariant()
    def at_most_three_attempts_an_approval(self) -> None:
        started_since = [a for a in self.image.attempts if a.started_at is not None and a.started_at >= self.since]
        assert len(started_since) <= MAX_ATTEMPTS

    @invariant()
    def failed_images_say_why(self) -> None:
        if self.image.is_missing:
            assert self.image.attempt.error is not None


ImageLife.TestCase.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
TestImageLife = ImageLife.TestCase
