"""What is chosen beside the text: it is on the screen before it is approved, and what is approved is what was shown."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from imagegeneration.assets.reference import Reference
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.dashboard.generate import desk as desk_module
from imagegeneration.dashboard.generate import submit, wishes
from imagegeneration.dashboard.generate.desk import Desk, new_draft
from imagegeneration.jobs.approvals import Approvals, check_shown
from imagegeneration.jobs.bodies import ExecuteBody, GenerateBody
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.lora import LoraWish
from imagegeneration.models.options import RANDOM_SEED, Options
from imagegeneration.models.quote import Quote
from imagegeneration.models.quotes import Quotes
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.models.selector import ModelSelector
from imagegeneration.prompts.draft import Draft, Shown
from imagegeneration.providers.generation import GenerationParameters, Lora

CATALOG = Catalog.read()
USUAL = GenerationParameters(
    provider="openai", model="gpt-image-2.5-flare", size="1536x1024", quality="high", output_format="webp"
)
HASH = "0" * 64
VINTAGE = "\n\nStyle: vintage, muted tones, film grain and the look of past decades."


class Studio:
    """Selects as the services do, and remembers what was approved."""

    def __init__(self) -> None:
        conditions = SimpleNamespace(
            pause_of=lambda _request: None,
            trouble_of=lambda _provider: None,
            over_limit=lambda _price: None,
            expected_seconds=lambda _model: 10.0,
            refusal=lambda _request, _price: None,
            obstacles=lambda _routes: (),
        )
        self.registry = ModelRegistry(CATALOG, USUAL, dict.fromkeys(("openai", "fal", "stability"), "hash"))
        references = SimpleNamespace(
            named=lambda _actor, ids: tuple(Reference(image_id=i, sha256="0" * 64) for i in ids),
            shape=lambda _actor, _ids: (300, 200),
        )
        loras = SimpleNamespace(
            named=lambda _actor, wishes: tuple(Lora(path="a/b", weight=wish.weight or 1) for wish in wishes)
        )
        credits_ = SimpleNamespace(balance=lambda _user_id: None)
        quotes = Quotes(self.registry, conditions, credits_)  # type: ignore[arg-type]
        self.selector = ModelSelector(self.registry, conditions, references, loras, quotes)  # type: ignore[arg-type]
        self.approvals = self.drafts = self
        self.approved: list[tuple[ExecuteBody, GenerationParameters]] = []

    def without(self, provider: str) -> None:
        """Configure a provider no more."""
        del self.registry.endpoints[provider]  # type: ignore[attr-defined]  # it is a dict here

    def save(self, _actor: Actor, draft: Draft) -> Draft:
        """As Drafts.save."""
        return draft

    def approve(
        self, actor: Actor, body: ExecuteBody, *, source: str, idempotency_key: str | None, shown: Shown
    ) -> Any:
        """As Approvals.approve."""
        quote = Approvals._quote(SimpleNamespace(_selector=self.selector), actor, body)  # type: ignore[arg-type]
        check_shown(shown, quote)
        self.approved.append((body, quote.plan.request))
        return SimpleNamespace(job_id="imgjob_1")


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Studio:
    made = Studio()
    for module in (desk_module, wishes):
        monkeypatch.setattr(module, "studio", lambda: made)
        monkeypatch.setattr(submit, "studio", lambda: made)
        monkeypatch.setattr(module, "actor", lambda: LOCAL)
        monkeypatch.setattr(submit, "actor", lambda: LOCAL)
    monkeypatch.setattr(desk_module, "acting", lambda _permission: LOCAL)
    monkeypatch.setattr(submit, "acting", lambda _permission: LOCAL)
    return made


@pytest.fixture
def desk(studio: Studio) -> Desk:
    made = Desk(new_draft())
    made.edit(intent="a card", raw_prompt="a kite")
    submit.use_as_typed(made)
    return made


def approve(desk: Desk, quote: Quote | None = None) -> None:
    """Press the button that stands below what would be sent."""
    desk.ask("approve", (quote or drawn(desk)).sha256)
    submit.approve(desk)


def drawn(desk: Desk) -> Quote:
    """What the page says would be sent."""
    wishes.settle(desk)
    assert desk.quote is not None, desk.quote_problem
    return desk.quote


def shown(desk: Desk) -> GenerationParameters:
    return drawn(desk).plan.request


def test_where_nothing_is_chosen_it_is_the_request_of_version_1(desk: Desk, studio: Studio) -> None:
    assert shown(desk) == USUAL
    approve(desk)
    ((body, request),) = studio.approved
    assert type(body) is ExecuteBody
    assert body.document() == {"intent": "a card", "rawPrompt": "a kite", "finalPrompt": "a kite", "imageCount": 1}
    assert request == USUAL


def test_text_that_is_only_like_what_is_rendered_stays_as_it_was_typed(desk: Desk, studio: Studio) -> None:
    desk.edit(raw_prompt=f"a kite{VINTAGE}")
    submit.use_as_typed(desk)
    assert desk.draft.final_prompt == f"a kite{VINTAGE}"
    approve(desk)
    assert studio.approved[0][0].final_prompt == f"a kite{VINTAGE}"


def test_what_is_chosen_is_approved_with_the_options(desk: Desk, studio: Studio) -> None:
    wishes.choose_model(desk, "fal-ai/flux-lora", None)
    wishes.choose(desk, size="1344x768", seed=7, steps=30)
    approve(desk)
    ((body, request),) = studio.approved
    assert isinstance(body, GenerateBody)
    assert body.options == desk.draft.options
    assert (request.provider, request.size, request.seed, request.steps) == ("fal", "1344x768", 7, 30)


def test_one_wish_leaves_the_rest_as_it_is_configured(desk: Desk) -> None:
    wishes.choose(desk, background="transparent")
    assert shown(desk) == USUAL.model_copy(update={"background": "transparent"})


def test_another_choice_than_the_shown_one_is_shown_first(desk: Desk, studio: Studio) -> None:
    wishes.choose_model(desk, None, "cost")
    before = drawn(desk)
    assert before.plan.request.provider == "fal"
    studio.without("fal")
    approve(desk, before)
    assert studio.approved == []
    assert desk.problem is not None
    assert "the options or the price changed" in desk.problem.message
    approve(desk)
    assert len(studio.approved) == 1


def test_a_random_seed_is_drawn_at_the_approval(desk: Desk, studio: Studio) -> None:
    wishes.choose_model(desk, "stable-image-core", None)
    wishes.choose(desk, seed=RANDOM_SEED)
    before = shown(desk)
    approve(desk)
    ((_, request),) = studio.approved
    assert request.seed is not None
    assert request.model_copy(update={"seed": before.seed}) == before


def test_a_style_is_part_of_the_prompt_on_the_screen_and_can_be_taken_out(desk: Desk) -> None:
    revision = desk.revision
    wishes.choose_style(desk, "vintage")
    assert desk.draft.final_prompt == f"a kite{VINTAGE}"
    assert desk.revision == revision + 1
    wishes.choose_style(desk, None)
    assert desk.draft.final_prompt == "a kite"


def test_a_style_that_is_chosen_before_the_review_comes_with_the_prompt(studio: Studio) -> None:
    desk = Desk(new_draft())
    desk.edit(intent="a card", raw_prompt="a kite")
    wishes.choose_style(desk, "vintage")
    wishes.type_negative_prompt(desk, "fog")
    assert desk.step == "describe"
    submit.use_as_typed(desk)
    assert desk.draft.final_prompt == f"a kite{VINTAGE}\nDo not show: fog."
    wishes.put_prompt(desk, "another text")
    assert desk.draft.final_prompt == f"another text{VINTAGE}\nDo not show: fog."


def test_a_negative_prompt_goes_where_the_model_takes_it(desk: Desk) -> None:
    wishes.type_negative_prompt(desk, "fog")
    assert desk.draft.final_prompt == "a kite\n\nDo not show: fog."
    wishes.choose_model(desk, "stable-image-core", None)
    assert (desk.draft.final_prompt, shown(desk).negative_prompt) == ("a kite", "fog")
    wishes.choose_model(desk, "gpt-image-2.5-flare", None)
    assert (desk.draft.final_prompt, shown(desk).negative_prompt) == ("a kite\n\nDo not show: fog.", None)


def test_what_is_changed_in_the_prompt_is_what_is_chosen(desk: Desk) -> None:
    wishes.choose_style(desk, "vintage")
    wishes.type_negative_prompt(desk, "fog")
    wishes.type_final_prompt(desk, "a kite\n\nDo not show: fog, rain.")
    assert (desk.draft.style, desk.draft.negative_prompt) == (None, "fog, rain")
    wishes.choose_style(desk, "modern")
    assert str(desk.draft.final_prompt).endswith("\nDo not show: fog, rain.")


def test_what_does_not_fit_changes_nothing_and_is_said(desk: Desk) -> None:
    wishes.type_final_prompt(desk, "x" * 4000)
    wishes.choose_style(desk, "vintage")
    assert (desk.draft.final_prompt, desk.draft.style) == ("x" * 4000, None)
    assert desk.problem is not None
    assert "at most 4,000" in desk.problem.message


def test_a_negative_prompt_that_is_too_long_is_said_and_cannot_be_approved(desk: Desk, studio: Studio) -> None:
    wishes.type_negative_prompt(desk, "x" * 1001)
    assert "at most 1000" in desk.field_problems["negative_prompt"]
    assert desk.draft.final_prompt == "a kite"
    approve(desk)
    assert studio.approved == []
    assert desk.problem is not None
    assert "negative prompt" in desk.problem.message


def test_another_model_gives_up_what_it_cannot_do_in_words(desk: Desk) -> None:
    wishes.choose_model(desk, "fal-ai/flux-lora", None)
    wishes.choose(desk, seed=7, size="1344x768")
    wishes.choose_model(desk, "gpt-image-2.5-flare", None)
    assert desk.given_up == (
        "GPT Image 2.5 Flare takes no seed.",
        "GPT Image 2.5 Flare makes 1536x1024, which is the nearest to 1344x768.",
    )
    assert (shown(desk).seed, shown(desk).size) == (None, "1536x1024")
    wishes.choose_model(desk, "gemini-nano-banana-2.1", None)
    assert "is not configured" in desk.given_up[0]


def test_a_size_of_ones_own_is_mapped_to_what_the_model_makes(desk: Desk) -> None:
    wishes.choose_model(desk, "fal-ai/flux-lora", None)
    wishes.choose(desk, width=1000, height=600)
    assert shown(desk).size == "1000x600"
    wishes.choose(desk, width=1001)
    assert shown(desk).size == "1344x768"
    wishes.choose_model(desk, "stable-image-core", None)
    assert (desk.draft.options.width, desk.draft.options.height, desk.given_up) == (1001, 600, ())
    assert shown(desk).size == "1344x768"


def test_loras_are_a_need_that_no_choice_gives_up(desk: Desk) -> None:
    wishes.choose_model(desk, "fal-ai/flux-lora", None)
    wishes.choose(desk, loras=(LoraWish(path="owner/name"),))
    wishes.choose_model(desk, None, "quality")
    assert shown(desk).model == "rundiffusion-fal/juggernaut-flux-lora"
    assert len(shown(desk).loras) == 1


def test_what_a_draft_holds_and_is_not_to_be_had_any_more_is_said(desk: Desk, studio: Studio) -> None:
    kept = {"final_prompt": "a kite", "style": "baroque"}
    gone = desk.draft.model_copy(update={**kept, "options": Options(model="dall-e-3", quality="high")})
    found = Desk(gone)
    wishes.settle(found)
    assert found.draft.options == Options(quality="high")
    assert found.draft.style is None
    assert "gpt-image-2.5-flare" in found.given_up[0], "the successor is named"
    assert "baroque" in found.given_up[1]
    assert found.draft.final_prompt == "a kite"
    wishes.settle(found)
    assert len(found.given_up) == 2, "it stays said"


def test_a_model_whose_provider_is_gone_is_given_up_while_the_page_is_open(desk: Desk, studio: Studio) -> None:
    wishes.choose_model(desk, "stable-image-core", None)
    wishes.type_negative_prompt(desk, "fog")
    studio.without("stability")
    wishes.settle(desk)
    assert desk.is_usual
    assert "stability" in desk.given_up[0]
    assert desk.draft.final_prompt == "a kite\n\nDo not show: fog."


def test_everything_can_be_chosen_as_in_another_draft(desk: Desk) -> None:
    wishes.choose_model(desk, "stable-image-core", None)
    wishes.choose_style(desk, "vintage")
    wishes.type_negative_prompt(desk, "fog")
    other = Desk(new_draft())
    other.edit(intent="b", raw_prompt="a boat")
    submit.use_as_typed(other)
    wishes.choose_like(other, desk.draft)
    assert other.draft.options == desk.draft.options
    assert other.draft.final_prompt == f"a boat{VINTAGE}"
    again = new_draft(like=desk.draft)
    assert (again.options, again.style) == (desk.draft.options, "vintage")


SOURCE = "img_01M7Z8JC02GDDTCWAKG72PB5E3"


def test_an_edit_is_approved_with_its_references(desk: Desk, studio: Studio) -> None:
    wishes.choose(desk, references=(SOURCE,))
    wishes.settle(desk)
    request = shown(desk)
    assert request == USUAL.model_copy(update={"references": (Reference(image_id=SOURCE, sha256=HASH),)})
    approve(desk)
    ((body, approved),) = studio.approved
    assert isinstance(body, GenerateBody)
    assert body.options.references == (SOURCE,)
    assert approved == request


def test_as_last_time_is_not_the_image_of_last_time(desk: Desk) -> None:
    last = new_draft().model_copy(update={"options": Options(quality="low", references=(SOURCE[:-1] + "4",))})
    wishes.choose(desk, references=(SOURCE,))
    wishes.choose_like(desk, last)
    assert desk.draft.options == Options(quality="low", references=(SOURCE,))


def test_only_models_that_can_make_exactly_this_are_offered_to_make_it_instead(studio: Studio, desk: Desk) -> None:
    def offered(**options: Any) -> set[str]:
        wished = Options.model_validate({"model": "gpt-image-2.5-flare"} | options)
        return {found.model for found in studio.selector.alternates(studio.selector.criteria(wished, "a kite", LOCAL))}

    assert "gpt-image-2" in offered(size="1024x1024", quality="medium")
    wide = offered(size="1536x1024", quality="medium")
    assert "gpt-image-2" not in wide
    assert "gpt-image-2.5-sunburst" in wide
    for model in wide - {"gpt-image-2.5-flare"}:
        wishes.choose(desk, model="gpt-image-2.5-flare", size="1536x1024", quality="medium", fallback=(model,))
        wishes.choose(desk, max_extra_micros=1_000_000)
        assert [one.model for one in drawn(desk).plan.alternates] == [model]


def test_a_fallback_that_cannot_make_what_is_chosen_then_is_given_up_in_words(desk: Desk) -> None:
    wishes.choose(desk, model="gpt-image-2.5-flare", size="1024x1024", quality="medium", max_extra_micros=50_000)
    wishes.choose(desk, fallback=("gpt-image-2",))
    assert desk.draft.options.fallback == ("gpt-image-2",)
    wishes.choose(desk, size="1536x1024")
    assert not drawn(desk).plan.alternates
    assert "GPT Image 2 cannot make it instead" in " ".join(desk.given_up)


def test_settings_of_an_edit_do_not_give_way_to_a_default_that_cannot_edit(
    studio: Studio, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = CATALOG.named("stable-image-core")
    assert core is not None
    monkeypatch.setattr(studio, "registry", replace(studio.registry, default=core.usual("stability")))
    wishes.choose(desk, references=(SOURCE,), quality="high")
    wishes.settle(desk)
    assert (desk.draft.options.quality, desk.given_up) == ("high", ())
    wishes.choose(desk, references=())
    assert desk.given_up == ("Stable Image Core knows standard.",)
