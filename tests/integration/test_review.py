"""What Review says before money is held: what is in the way of the call, and whether the money reaches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from imagegeneration.assets.reference import Reference
from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.errors import WrongState
from imagegeneration.core.ids import new_id
from imagegeneration.dashboard.generate.obstacles import has_news, require_announced
from imagegeneration.models.options import Options
from imagegeneration.models.quote import shown_sha256
from imagegeneration.prompts.draft import Draft
from imagegeneration.providers.breaker import EVERYTHING
from imagegeneration.settings import Settings
from imagegeneration.settings_types import ProviderLimitSetting
from tests.integration.company import build_company, person
from tests.integration.window import Window, windows
from tests.wire.accounts import Accounts

FLARE, FLUX = "gpt-image-2.5-flare", "black-forest-labs/flux-dev"


@pytest.fixture
def accounts() -> Iterator[Accounts]:
    with Accounts() as stub:
        yield stub


@pytest.fixture
def changes(accounts: Accounts) -> dict[str, Any]:
    """OpenAI, which nobody calls, and a provider that refuses the account."""
    return {
        "openai_api_key": SecretStr("sk-none"),
        "openai_base_url": "http://127.0.0.1:9",
        "replicate_api_token": SecretStr("wrong"),
        "replicate_base_url": accounts.url,
    }


@pytest.fixture
def company(settings: Settings, changes: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[Studio]:
    built = build_company(settings.model_copy(update=changes | getattr(request, "param", {})))
    yield built
    built.close()


@pytest.fixture
def window(company: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    with windows(company, monkeypatch) as first:
        yield first


def review(company: Studio, window: Window, **options: Any) -> str:
    """Open Review of a draft with two images; everything that it shows."""
    ann = person(company, "ann", "creator")
    window.sign_in(ann)
    draft = Draft(
        draft_id=new_id("draft"),
        user_id=ann.person_id,
        intent="a card",
        raw_prompt="a kite",
        final_prompt="a red kite",
        image_count=2,
        options=Options.model_validate(options),
        updated_at=datetime.now(UTC),
    )
    company.drafts.save(Actor(user_id=ann.person_id), draft)
    return window.open("generate", draft=draft.draft_id)


def bar(shown: str) -> dict[str, Any]:
    """What the bar with the price and the button is told."""
    (line,) = [line for line in shown.split("\n") if "studio_onward" in line.split(" ")[0]]
    found: dict[str, Any] = json.loads(line.partition(" ")[2])
    return found


def test_a_provider_that_works_is_not_spoken_of(company: Studio, window: Window) -> None:
    shown = review(company, window)
    assert "paused" not in shown
    assert bar(shown)["go"]["blocked"] == ""


@pytest.mark.parametrize("options", [{}, {"model": FLARE}, {"priority": "quality"}])
def test_a_paused_provider_of_any_choice_is_announced(company: Studio, window: Window, options: dict[str, Any]) -> None:
    company.pauses.pause(LOCAL, "provider:replicate", "maintenance")
    company.pauses.begin(LOCAL, "provider:openai", "failures", "10 calls failed in a row.")
    shown = review(company, window, **options)
    assert "OpenAI is paused: 10 calls failed in a row." in shown
    assert "What you approve now waits, and its money is held. The next test is at " in shown
    assert bar(shown)["go"]["blocked"] == ""


def test_what_else_could_make_it_is_named_with_its_price(company: Studio, window: Window) -> None:
    company.pauses.pause(LOCAL, "provider:replicate", "maintenance")
    shown = review(company, window, model=FLUX)
    assert "Replicate is paused: maintenance" in shown
    assert "An operator has to resume it. Or choose GPT Image 2.5 Flare under Options: up to $0.0135 an image." in shown


def test_a_pause_of_everything_and_of_a_fallback_is_announced(company: Studio, window: Window) -> None:
    company.pauses.pause(LOCAL, EVERYTHING, "maintenance")
    assert "Everything is paused: maintenance" in review(company, window)
    company.pauses.end(LOCAL, EVERYTHING, company.pauses.board.of_scope(EVERYTHING), "done")  # type: ignore[arg-type]
    company.pauses.pause(LOCAL, "provider:replicate", "maintenance")
    shown = review(company, window, model=FLARE, fallback=[FLUX], maxExtraMicros=1_000_000)
    assert "It is a fallback of yours, and is passed over while it does not work." in shown


def test_other_proportions_than_those_of_the_image_that_is_edited_are_said(
    company: Studio, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = "img_01AAAAAAAAAAAAAAAAAAAAAAAA"
    reference = Reference(image_id=image_id, sha256="0" * 64)
    monkeypatch.setattr(company.references, "named", lambda *_: (reference,))
    monkeypatch.setattr(company.references, "shape", lambda *_: (1920, 1080))
    shown = review(company, window, references=[image_id])
    assert "The image will have other proportions than the one it is made from." in shown
    assert "GPT Image 2.5 Flare makes 1536x1024, which is the nearest to the first image's 1920x1080." in shown
    assert bar(shown)["go"]["blocked"] == ""
    monkeypatch.setattr(company.references, "shape", lambda *_: (1500, 1000))
    assert "other proportions" not in review(company, window, references=[image_id])


def test_a_provider_that_fails_its_check_is_announced(company: Studio, window: Window) -> None:
    company.checks.run()
    assert "Replicate does not accept" not in review(company, window)
    shown = review(company, window, model=FLUX)
    assert "Replicate does not accept the studio's account at present." in shown
    assert "What you approve now may fail without a charge, or wait." in shown


def test_what_has_happened_since_the_page_was_drawn_is_said_before_money_is_held(
    company: Studio, window: Window
) -> None:
    review(company, window)
    desk = window.state["desk"]
    assert not has_news(desk)
    require_announced(desk)
    company.pauses.pause(LOCAL, "provider:openai", "maintenance")
    assert has_news(desk), "an open page draws itself again"
    with pytest.raises(WrongState, match="OpenAI is paused: maintenance"):
        require_announced(desk)


def test_an_approval_is_measured_by_what_was_said_before_the_button_was_pressed(
    company: Studio, window: Window
) -> None:
    told = bar(review(company, window))
    desk = window.state["desk"]
    company.pauses.pause(LOCAL, "provider:openai", "maintenance")

    for said in ("Nothing was approved. Press the button again if that is what you want.", ""):
        assert not company.queries.page(LOCAL, limit=1).jobs
        desk.ask("approve", shown_sha256(told["prompt"], told["count"], told["terms"]))
        assert said in window.draw()
    assert [job.status for job in company.queries.page(LOCAL, limit=2).jobs] == ["QUEUED"]


ENOUGH, SHORT = 0.027, 0.0269
"""In dollars: what two images cost, and a little less."""


@pytest.mark.parametrize(
    ("company", "words"),
    [
        ({"daily_budget_usd": SHORT}, "Only $0.0269 left in today's budget."),
        ({"daily_budget_per_user_usd": SHORT}, "Only $0.0269 left in today's budget."),
        (
            {"provider_limits": {"openai": ProviderLimitSetting(daily_budget_usd=SHORT)}},
            "Only $0.0269 left in today's budget of OpenAI.",
        ),
        ({"max_cost_per_image_usd": 0.0134}, "It cannot be generated as it is. The reason is above."),
    ],
    indirect=["company"],
)
def test_what_the_money_does_not_reach_for_cannot_be_approved(company: Studio, window: Window, words: str) -> None:
    shown = review(company, window)
    assert bar(shown)["go"]["blocked"].startswith(words)
    if "above" in words:
        assert "An image costs up to $0.0135; the limit is $0.0134 an image." in shown


@pytest.mark.parametrize(
    "company",
    [
        {
            "daily_budget_usd": ENOUGH,
            "daily_budget_per_user_usd": ENOUGH,
            "provider_limits": {"openai": ProviderLimitSetting(daily_budget_usd=ENOUGH)},
            "max_cost_per_image_usd": ENOUGH / 2,
        }
    ],
    indirect=True,
)
def test_what_it_just_reaches_for_can_be(company: Studio, window: Window) -> None:
    assert bar(review(company, window))["go"]["blocked"] == ""


def test_too_few_credits_are_said_and_nothing_can_be_approved(company: Studio, window: Window) -> None:
    ann = person(company, "ann", "creator")
    company.credits.grant(LOCAL, ann.person_id, 1, "one")
    blocked = bar(review(company, window))["go"]["blocked"]
    assert blocked.startswith("Your credits are too few.")
    company.credits.grant(LOCAL, ann.person_id, 10, "enough")
    assert bar(review(company, window))["go"]["blocked"] == ""
