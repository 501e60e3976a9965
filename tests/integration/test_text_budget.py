"""Prompt suggestions: their budgets, their deadline, and that each is in the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import OverBudget, ProviderFailed
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.providers.generation import EnhanceBody, Enhancement
from imagegeneration.providers.openai import OpenAIProvider
from imagegeneration.settings import Settings
from tests.support import wait_until

ENHANCE = EnhanceBody(intent="a card", prompt="a kite")
Documents = Database[dict[str, Any]]
Build = Callable[..., Studio]


@pytest.fixture
def build(settings: Settings) -> Iterator[Build]:
    """Make the studio with these settings; several are processes of one studio."""
    built: list[Studio] = []

    def make(**facts: Any) -> Studio:
        built.append(build_studio(settings.model_copy(update=facts)))
        return built[-1]

    yield make
    for each in built:
        each.close()


def person(number: int) -> Actor:
    return Actor(user_id=f"person-{number}")


def most(studio: Studio) -> int:
    """The most that a suggestion costs, in micro-dollars."""
    return studio.enhancement._max_cost_micros(ENHANCE)


def ask_often(studio: Studio, who: Actor) -> None:
    for _ in range(15):
        studio.enhancement.enhance(who, ENHANCE)


def spent(database: Documents) -> int:
    return sum(entry["textDeltaMicros"] for entry in database.ledger.find({"kind": "text"}))


@pytest.mark.parametrize("nothing", ["daily_budget_usd", "daily_budget_per_user_usd", "text_budget_usd"])
def test_with_a_budget_of_nothing_no_suggestion_is_paid_for(build: Build, sandbox: Sandbox, nothing: str) -> None:
    studio = build(**{nothing: 0})
    with pytest.raises(OverBudget, match="for prompt suggestions"):
        studio.enhancement.enhance(person(1), ENHANCE)
    assert sandbox.calls == []


def test_many_at_once_stay_within_the_budget(build: Build, sandbox: Sandbox, database: Documents) -> None:
    studio = build(text_budget_usd=0.005)
    limit, reserved = 5_000, most(studio)

    def ask(number: int) -> bool:
        try:
            studio.enhancement.enhance(person(number), ENHANCE)
        except OverBudget:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        answered = sum(pool.map(ask, range(60)))
    assert 1 <= limit // reserved <= answered == len(sandbox.calls) < 60
    studio.enhancement.post()
    assert 0 < spent(database) <= limit


def test_one_person_does_not_use_up_the_budget_of_all(build: Build) -> None:
    studio = build()
    one = build(text_budget_per_user_usd=1.1 * most(studio) / 10**6)
    one.enhancement.enhance(person(1), ENHANCE)
    with pytest.raises(OverBudget, match="Your daily budget"):
        ask_often(one, person(1))
    one.enhancement.enhance(person(2), ENHANCE)


def test_what_another_process_has_posted_counts(build: Build, sandbox: Sandbox) -> None:
    first = build()
    second = build(text_budget_usd=1.2 * most(first) / 10**6)
    for number in range(12):
        first.enhancement.enhance(person(number), ENHANCE)
    first.enhancement.post()
    first.enhancement.post()
    made = len(sandbox.calls)
    with pytest.raises(OverBudget):
        ask_often(second, person(20))
    assert len(sandbox.calls) - made < 5


def test_what_was_posted_is_not_counted_twice(build: Build) -> None:
    studio = build()
    tight = build(text_budget_usd=2 * most(studio) / 10**6)
    for number in range(3):
        tight.enhancement.enhance(person(number), ENHANCE)
        tight.enhancement.post()
    taken = tight.enhancement._budget._taken
    _day, whole, _own = tight.ledger.text_today("person-1")
    assert {owner: micros for (_, owner), micros in taken.items() if owner is None} == {None: whole}


def test_a_suggestion_that_takes_too_long_is_stopped_and_paid_for(
    build: Build, sandbox: Sandbox, database: Documents
) -> None:
    studio = build(enhance_seconds=0.3)
    sandbox.set_fault("hang", target="text")
    began = time.monotonic()
    with pytest.raises(ProviderFailed, match="No suggestion came in time") as late:
        studio.enhancement.enhance(person(1), ENHANCE)
    assert time.monotonic() - began < 0.6
    assert "as you typed it" in late.value.resolution
    studio.enhancement.enhance(person(1), ENHANCE)
    times = studio.enhancement.times
    assert (times.asked, times.in_time, times.limit_seconds) == (2, 1, 0.3)
    studio.close()
    assert spent(database) > most(studio), "the one that was stopped may be charged"


def test_the_deadline_is_two_seconds_unless_it_is_set(settings: Settings) -> None:
    assert settings.enhance_seconds == 2


def test_what_is_known_not_to_be_charged_is_given_back(build: Build, sandbox: Sandbox, database: Documents) -> None:
    studio = build()
    sandbox.set_fault("429", target="text")
    with pytest.raises(ProviderFailed):
        studio.enhancement.enhance(person(1), ENHANCE)
    studio.enhancement.post()
    assert spent(database) == 0
    assert sum(studio.enhancement._budget._taken.values()) == 0


@pytest.mark.parametrize(
    ("tokens", "is_believed"),
    [((0, 0), False), ((0, 40), False), ((60, 0), False), ((None, 40), False), ((60, None), False), ((60, 40), True)],
)
def test_a_count_of_no_tokens_costs_what_was_reserved(
    build: Build, database: Documents, monkeypatch: pytest.MonkeyPatch, tokens: tuple[Any, Any], is_believed: bool
) -> None:
    studio = build()
    monkeypatch.setattr(OpenAIProvider, "enhance", lambda *_: Enhancement("a red kite", *tokens))
    assert studio.enhancement.enhance(person(1), ENHANCE) == "a red kite"
    studio.enhancement.post()
    counted = studio.registry.catalog.text_cost(studio.settings.openai_text_model, 60, 40)
    assert 0 < counted < most(studio)
    assert spent(database) == (counted if is_believed else most(studio))


def test_an_orderly_stop_leaves_no_suggestion_out_of_the_ledger(
    build: Build, sandbox: Sandbox, database: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagegeneration.prompts.enhancement.CLOSE_SECONDS", 0.1)
    studio = build(enhance_seconds=3)
    for number in range(5):
        studio.enhancement.enhance(person(number), ENHANCE)
    sandbox.set_fault("hang", target="text")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(studio.enhancement.enhance, person(9), ENHANCE)
        wait_until(lambda: len(sandbox.calls) == 6, "the sixth is asked for")
        studio.close()
        people = {entry["userId"] for entry in database.ledger.find({"kind": "text"})}
        assert people == {*(f"person-{number}" for number in range(5)), "person-9"}
        sandbox.reset()
        waiting.exception()
