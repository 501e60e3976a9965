"""One quote: a page asks once for the model of what is chosen, and all that it draws reads the answer."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.ids import new_id
from imagegeneration.jobs.bodies import GenerateBody
from imagegeneration.models.options import Options
from imagegeneration.models.quotes import Quotes
from imagegeneration.models.selection import Selection
from imagegeneration.models.selector import ModelSelector
from imagegeneration.prompts.draft import Draft
from imagegeneration.settings import Settings
from tests.integration.company import build_company, person
from tests.integration.window import Window, windows

FLARE, FLUX = "gpt-image-2.5-flare", "black-forest-labs/flux-dev"
QUOTED = {"criteria": 1, "select": 1, "of": 1}
"""How often the criteria are looked up, a model is selected and a plan is priced for one quote."""


@pytest.fixture
def company(settings: Settings) -> Iterator[Studio]:
    keys = {"openai_api_key": SecretStr("sk-none"), "replicate_api_token": SecretStr("none")}
    built = build_company(settings.model_copy(update=keys))
    yield built
    built.close()


@pytest.fixture
def window(company: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    with windows(company, monkeypatch) as first:
        yield first


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of the steps of a selection was taken."""
    counts: Counter[str] = Counter()

    def counting(owner: type, name: str) -> None:
        method = getattr(owner, name)

        @functools.wraps(method)
        def counted(*args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return method(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    for owner, name in ((ModelSelector, "criteria"), (ModelSelector, "compare"), (Selection, "select"), (Quotes, "of")):
        counting(owner, name)
    return counts


def open_page(company: Studio, window: Window, **facts: Any) -> str:
    """Open Generate with a draft; return the key of its panel Options."""
    ann = person(company, "ann", "creator")
    window.sign_in(ann)
    draft = Draft(
        draft_id=new_id("draft"),
        user_id=ann.person_id,
        intent="a card",
        raw_prompt="a kite",
        updated_at=datetime.now(UTC),
    ).model_copy(update=facts)
    company.drafts.save(Actor(user_id=ann.person_id), draft)
    window.open("generate", draft=draft.draft_id)
    return f"options-{draft.draft_id}"


@pytest.mark.parametrize("final_prompt", [None, "a red kite"], ids=["describe", "review"])
@pytest.mark.parametrize(
    "options",
    [
        {"priority": "cost"},
        {"model": FLARE, "seed": -1},
        {"model": FLARE, "fallback": (FLUX,), "max_extra_micros": 1_000_000},
        {"quality": "high"},
    ],
    ids=str,
)
def test_a_redraw_with_options_open_asks_for_the_model_once(
    company: Studio, window: Window, asked: Counter[str], options: dict[str, Any], final_prompt: str | None
) -> None:
    company.pauses.pause(LOCAL, "provider:openai", "maintenance")  # so that another model is named beside it
    panel = open_page(company, window, final_prompt=final_prompt, options=Options(**options))
    window.state[panel] = True
    asked.clear()
    shown = window.draw()
    assert "studio_offers" in shown, "Options is open"
    assert "Automatic, for price" in shown
    assert asked == QUOTED | {"compare": 1}


def test_what_is_made_by_default_is_priced_once_and_nothing_is_selected(
    company: Studio, window: Window, asked: Counter[str]
) -> None:
    panel = open_page(company, window, final_prompt="a red kite")
    for is_open in (False, True):
        window.state[panel] = is_open
        asked.clear()
        window.draw()
        assert asked == {"criteria": 1, "of": 1} | ({"compare": 1} if is_open else {})


def test_an_alternate_that_has_become_impossible_costs_no_second_quote(
    company: Studio, window: Window, asked: Counter[str]
) -> None:
    impossible = Options(model=FLARE, size="1536x1024", quality="medium", fallback=("gpt-image-2",))
    open_page(company, window, final_prompt="a red kite", options=impossible)
    assert asked == QUOTED
    desk = window.state["desk"]
    assert desk.draft.options.fallback == ()
    assert "GPT Image 2 cannot make it instead" in " ".join(desk.given_up)


def test_an_approval_quotes_once_and_verifies_what_the_page_has_shown(
    company: Studio, window: Window, asked: Counter[str]
) -> None:
    open_page(company, window, final_prompt="a red kite", options=Options(quality="high"))
    desk = window.state["desk"]
    desk.ask("approve", desk.quote.sha256)
    asked.clear()
    window.draw()
    assert asked == {step: 2 * count for step, count in QUOTED.items()}, "one is drawn, and one is approved"
    (job,) = company.queries.page(LOCAL, limit=2).jobs
    assert job.approval.quoted_micros == desk.quote.total_micros


def test_an_approval_by_a_program_quotes_once(company: Studio, asked: Counter[str]) -> None:
    body = GenerateBody(
        intent="a card", raw_prompt="a kite", final_prompt="a red kite", options=Options(model=FLARE, quality="low")
    )
    company.approvals.approve(LOCAL, body, source="api", idempotency_key="once")
    company.approvals.approve(LOCAL, body, source="api", idempotency_key="once")
    assert asked == QUOTED, "a key that is known asks for nothing"
