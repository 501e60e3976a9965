"""No choice that Review offers leads into a dead end: in every state that choices lead to, each is made and judged."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from imagegeneration.assets.inputs import References
from imagegeneration.assets.reference import MAX_REFERENCES, Reference
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import NotFound, OverBudget, TooLarge
from imagegeneration.dashboard.generate import desk as desk_module
from imagegeneration.dashboard.generate import options as panel
from imagegeneration.dashboard.generate import submit, wishes
from imagegeneration.dashboard.generate.desk import Desk, new_draft
from imagegeneration.dashboard.generate.offers import offers, read_pick
from imagegeneration.dashboard.generate.picks import Pick, loras_offered, picks, with_fallback, with_lora
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.conditions import Obstacle
from imagegeneration.models.criteria import Criteria
from imagegeneration.models.lora import CollectedLora, LoraWish
from imagegeneration.models.model import ImageModel
from imagegeneration.models.options import Options, Priority
from imagegeneration.models.possible import basis
from imagegeneration.models.quotes import Quotes
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.models.selector import ModelSelector
from imagegeneration.money.money import format_usd
from imagegeneration.providers.generation import GenerationParameters, Lora

TODAY = datetime.now(UTC).date()
LIMIT = 100_000
"""What an image may cost: less than some rows of the catalog."""

UNEVEN = ImageModel.model_validate(
    {
        "name": "uneven",
        "provider": "fal",
        "label": "Uneven",
        "sizes": ["1024x1024", "512x512", "768x512"],
        "free_sizes": {"step": 16, "longest": 2048, "ratio": 4},
        "qualities": ["low", "medium", "high"],
        "formats": ["jpeg", "png"],
        "backgrounds": ["opaque", "transparent"],
        "takes_seed": True,
        "least_seed": 1,
        "steps": {"least": 10, "most": 20, "usual": 12},
        "partial_images": 2,
        "prices": {
            "partial_tokens": 100,
            "image_out": 30_000_000,
            "image": [
                {"size": "1024x1024", "quality": "medium", "micros": 20_000},
                {"size": "1024x1024", "quality": "high", "micros": 2 * LIMIT},
                {"size": "512x512", "quality": "low", "micros": 5_000},
            ],
        },
        "source": "nobody makes it",
        "read_on": date(2026, 11, 20),
    }
)
"""Has a price only for some of its sizes and qualities."""

NAMES = (
    "gpt-image-2.5-flare",
    "gpt-image-2",
    "gpt-image-2.6-flare",
    "gemini-3-pro-image",
    "fal-ai/flux-lora",
    "fal-ai/flux-2",
    "rundiffusion-fal/juggernaut-flux-lora",
    "stable-image-core",
    "stable-image-ultra",
)
SOURCE = "img_01M7Z8JC02GDDTCWAKG72PB5E3"
USUAL = GenerationParameters(
    provider="openai", model="gpt-image-2.5-flare", size="1536x1024", quality="high", output_format="webp"
)


@dataclass
class Weather:
    """What stands in the way of calls."""

    paused: str = ""
    failing: str = ""

    def pause_of(self, request: GenerationParameters) -> str | None:
        return f"{request.provider} is paused: maintenance" if request.provider == self.paused else None

    def trouble_of(self, provider: str) -> str | None:
        return f"{provider} does not work" if provider == self.failing else None

    def over_limit(self, price: int) -> str | None:
        return f"An image costs up to {format_usd(price)}." if price > LIMIT else None

    def expected_seconds(self, model: str) -> float:
        return float(len(model))

    def refusal(self, _request: GenerationParameters, price: int) -> OverBudget | None:
        return OverBudget(f"The limit is {LIMIT}: the limit is lower than {price}.") if price > LIMIT else None

    def obstacles(self, _routes: Any) -> tuple[Obstacle, ...]:
        return ()


class Studio:
    """The services that choose and quote, on what these tests have in memory."""

    def __init__(self, weather: Weather) -> None:
        rows = Catalog.read()
        known = [model for model in rows.image_models if model.name in NAMES]
        self.catalog = rows.model_copy(update={"image_models": (*known, UNEVEN)})
        endpoints = dict.fromkeys(("openai", "google", "fal", "stability"), "hash")
        self.registry = ModelRegistry(self.catalog, USUAL, endpoints)
        families = dict.fromkeys(model.lora_family for model in known if model.lora_family)
        self.collection = [
            CollectedLora(
                name=f"lora-{number}-{place}",
                label="A LoRA",
                path="owner/name",
                family=family,
                created_at=datetime.now(UTC),
                changed_at=datetime.now(UTC),
                changed_by="local",
            )
            for place, family in enumerate(families)
            for number in range(2)
        ]
        self.gone: set[str] = set()
        self.loras = self.drafts = self.references = self
        self.checks = SimpleNamespace(of=lambda _provider: None)
        credits_ = SimpleNamespace(balance=lambda _user_id: None)
        quotes = Quotes(self.registry, weather, credits_)  # type: ignore[arg-type]
        loras = SimpleNamespace(named=self.named_loras)
        self.selector = ModelSelector(self.registry, weather, self, loras, quotes)  # type: ignore[arg-type]

    def save(self, _actor: Any, draft: Any) -> Any:
        return draft

    def page(self, _actor: Any, *, limit: int) -> list[CollectedLora]:
        return self.collection[:limit]

    def named(self, _actor: Any, ids: Any) -> tuple[Reference, ...]:
        if self.gone & set(ids):
            raise NotFound("references: there is no such image.")
        return tuple(Reference(image_id=one, sha256="0" * 64) for one in ids)

    def shape(self, _actor: Any, _ids: Any) -> tuple[int, int]:
        return 300, 200

    def named_loras(self, _actor: Any, wished: Any) -> tuple[Lora, ...]:
        known = {lora.name: lora for lora in self.collection if lora.name not in self.gone}
        if any(wish.name not in known for wish in wished):
            raise NotFound("loras: the collection has no such LoRA.")
        return tuple(known[wish.name].sent(wish.weight) for wish in wished)


@pytest.fixture
def weather() -> Weather:
    return Weather()


@pytest.fixture
def studio(weather: Weather, monkeypatch: pytest.MonkeyPatch) -> Studio:
    made = Studio(weather)
    for module in (desk_module, wishes, panel):
        monkeypatch.setattr(module, "studio", lambda: made)
        monkeypatch.setattr(submit, "studio", lambda: made)
        monkeypatch.setattr(module, "actor", lambda: LOCAL)
        monkeypatch.setattr(submit, "actor", lambda: LOCAL)
    monkeypatch.setattr(desk_module, "acting", lambda _permission: LOCAL)
    monkeypatch.setattr(submit, "acting", lambda _permission: LOCAL)
    return made


@pytest.fixture
def desk(studio: Studio) -> Desk:
    return fresh()


def fresh(options: Options | None = None) -> Desk:
    made = Desk(new_draft())
    made.edit(intent="a card", raw_prompt="a kite", final_prompt="a kite", options=options or Options())
    return made


Move = Callable[[Desk], object]


@dataclass
class Judged:
    """What can be approved in a state: its price, or why there is none; and what the fields are about.

    `alone` is the price of an image of the model that is asked first: a fallback may cost more.
    """

    price: int | None
    alone: int | None
    why_not: str
    fields: GenerationParameters


def judged(studio: Studio, desk: Desk) -> Judged:
    """Do as Review does for its price and its fields."""
    wishes.settle(desk)
    quote = desk.quote
    fields = basis(desk.draft.options, studio.registry) if quote is None else quote.plan.request
    assert fields is not None, "the fields are there, whatever is wrong"
    problem = desk.quote_problem if quote is None else quote.refusal
    if quote is None or problem is not None:
        return Judged(None, None, "" if problem is None else problem.message, fields)
    return Judged(quote.total_micros, quote.prices[0].micros, "", fields)


def rows_of(studio: Studio, desk: Desk) -> list[dict[str, Any]]:
    """The models side by side, as Options has them."""
    wishes.settle(desk)
    plain = Criteria(options=desk.draft.options, final_prompt=desk.draft.prompt).without_inputs()
    return offers(desk.draft.options, studio.selector.compare(desk.criteria or plain), {})


def moves_of(studio: Studio, desk: Desk, fields: GenerationParameters, rows: list[dict[str, Any]]) -> dict[str, Move]:
    """Every choice that is offered, and what it does."""
    model = studio.catalog.named(fields.model)
    assert model is not None
    moves = dict(_moves(studio, desk, model, fields))
    return moves | {row["key"]: _chooses(*read_pick(row["key"])) for row in rows if not row["off"]}


def _chooses(name: str | None, priority: Priority | None) -> Move:
    return lambda desk: wishes.choose_model(desk, name, priority)


def _changes(changes: Any) -> Move:
    return lambda desk: wishes.choose(desk, **changes)


def _counts(count: int) -> Move:
    return lambda desk: desk.edit(image_count=count)


def _moves(studio: Studio, desk: Desk, model: ImageModel, fields: GenerationParameters) -> Iterator[tuple[str, Move]]:
    draft = desk.draft
    options = draft.options
    for one in picks(model, fields, options):
        if isinstance(one, Pick):
            yield from ((f"{one.name}: {word}", _changes(changes)) for word, changes in one.choices.items())
        else:
            middle = one.least + one.step * (int((one.most - one.least) / one.step) // 2)
            kind = int if isinstance(one.step, int) else float
            for number in (one.least, middle, one.most):
                yield f"{one.name}: {number}", _changes({one.field: kind(number)})
            if one.empty is not None:
                yield f"{one.name}: empty", _changes({one.field: None})
    yield from _lora_moves(studio, options, model)
    yield from _fallback_moves(studio, desk, fields)
    yield "style", lambda desk: wishes.choose_style(desk, "vintage")
    yield "no style", lambda desk: wishes.choose_style(desk, None)
    yield "negative", lambda desk: wishes.type_negative_prompt(desk, "fog")
    yield "no negative", lambda desk: wishes.type_negative_prompt(desk, "")
    for count in (1, 3, 5):
        yield f"{count} images", _counts(count)
    nothing = draft.model_copy(update={"style": None, "negative_prompt": "", "options": Options()})
    yield "reset", lambda desk: wishes.choose_like(desk, nothing)


def _lora_moves(studio: Studio, options: Options, model: ImageModel) -> Iterator[tuple[str, Move]]:
    for row in range(max(min(len(options.loras) + 1, model.loras), len(options.loras))):
        for name in ("", *loras_offered(model, studio.collection)):
            yield f"LoRA {row}: {name}", _changes(with_lora(options.loras, row, name, 0.5))


def _fallback_moves(studio: Studio, desk: Desk, fields: GenerationParameters) -> Iterator[tuple[str, Move]]:
    options = desk.draft.options
    able = () if desk.criteria is None else studio.selector.alternates(desk.criteria)
    own = next((one.price_micros for one in able if one.model == fields.model), None) or 0
    for candidate in able:
        if candidate.model not in (fields.model, *options.fallback):
            changes = with_fallback(options, (*options.fallback, candidate.model), able, own)
            yield f"fallback: {candidate.model}", _changes(changes)
    for name in options.fallback:
        rest = [one for one in options.fallback if one != name]
        yield f"no fallback: {name}", _changes(with_fallback(options, rest, able, own))


def after(desk: Desk, move: Move) -> Desk:
    reached = Desk(desk.draft)
    move(reached)
    wishes.settle(reached)
    return reached


def walk(studio: Studio, begin: Desk, states: int, chance: random.Random) -> Iterator[Desk]:
    """Make each choice that is offered in so many states, and judge what it leads to; the states, as they are left."""
    found, known = [begin], set[str]()
    while found and len(known) < states:
        here = found.pop(chance.randrange(len(found)))
        key = here.draft.options.model_dump_json()
        if key in known:
            continue
        known.add(key)
        before, rows = judged(studio, here), rows_of(studio, here)
        check_rows(rows)
        prices = {row["key"]: row["price"] for row in rows}
        for label, move in moves_of(studio, here, before.fields, rows).items():
            there = after(here, move)
            then = judged(studio, there)
            where = f"{here.draft.options.document()} -> {label} -> {there.draft.options.document()}"
            assert then.price is not None or "limit is" in then.why_not, f"{where}: {then.why_not}"
            if label in prices:
                assert then.alone is not None, where
                assert prices[label] == format_usd(then.alone), f"{where}: the row has the price that it leads to"
            found.append(there)
        yield here


@pytest.mark.parametrize(("paused", "failing"), [("", ""), ("fal", "stability"), ("openai", "google")])
def test_every_offered_choice_leads_to_a_price_or_to_words_about_the_limit(
    studio: Studio, desk: Desk, weather: Weather, paused: str, failing: str
) -> None:
    weather.paused, weather.failing = paused, failing
    assert len(list(walk(studio, desk, 40, random.Random(f"{paused}{failing}")))) == 40


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(8))
def test_every_offered_choice_in_thousands_of_states(studio: Studio, desk: Desk, weather: Weather, seed: int) -> None:
    weather.paused, weather.failing = ("", "fal", "openai", "google")[seed % 4], ("", "stability")[seed // 4]
    assert len(list(walk(studio, desk, 1000, random.Random(seed)))) == 1000


def check_rows(rows: list[dict[str, Any]]) -> None:
    """The rows agree: what is left to the studio by a priority is the row that is called the best by it."""
    for priority, tag in (("cost", "cheapest"), ("speed", "fastest"), ("quality", "best quality")):
        (automatic,) = [row for row in rows if row["key"] == f"auto:{priority}"]
        tagged = [row for row in rows if tag in row["tags"]]
        assert automatic["off"] == (not tagged), (automatic, tagged)
        for row in tagged:
            assert (row["price"], row["off"]) == (automatic["price"], False)
            assert row["title"] in automatic["about"]


def test_a_lora_that_is_gone_is_said_and_can_be_taken_out(studio: Studio) -> None:
    name = next(iter(loras_offered(studio.catalog.model("fal-ai/flux-lora", TODAY), studio.collection)))
    desk = fresh(Options(model="fal-ai/flux-lora", loras=(LoraWish(name=name),), fallback=("stable-image-core",)))
    studio.gone.add(name)
    wishes.settle(desk)
    found = judged(studio, desk)
    assert (found.price, found.fields.model) == (None, "fal-ai/flux-lora")
    assert "no such LoRA" in found.why_not
    rows = rows_of(studio, desk)
    assert judged(studio, after(desk, moves_of(studio, desk, found.fields, rows)["LoRA 0: "])).price is not None


@pytest.mark.parametrize(
    "options", [Options(references=(SOURCE,)), Options(model="fal-ai/flux-2", references=(SOURCE,))]
)
def test_an_image_that_is_gone_or_cannot_be_edited_leaves_all_fields(studio: Studio, options: Options) -> None:
    desk = fresh(options)
    if options.model is None:
        studio.gone.add(SOURCE)
    wishes.settle(desk)
    found = judged(studio, desk)
    assert found.price is None
    assert found.why_not
    assert "Size" in {one.name for one in picks(studio.catalog.model(found.fields.model, TODAY), found.fields, options)}
    assert rows_of(studio, desk)
    assert judged(studio, after(desk, _changes({"references": ()}))).price is not None


@pytest.mark.parametrize(
    ("model", "count", "words"),
    [
        ("gpt-image-2.5-flare", 17, "at most 16 images can be edited at once, and 17 were chosen"),
        ("gemini-3-pro-image", 15, "edits at most 14 images at once"),
    ],
)
def test_too_many_images_to_edit_are_said_with_the_limit(
    studio: Studio, model: str, count: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if count > MAX_REFERENCES:
        monkeypatch.setattr(studio.selector, "_references", References.__new__(References))
    many = tuple(f"{SOURCE[:-2]}{number:02d}" for number in range(count))
    desk = fresh(Options(model=model, references=many))
    found = judged(studio, desk)
    problem = desk.quote_problem
    assert isinstance(problem, TooLarge)
    assert (words in problem.message, "fewer images" in problem.resolution) == (True, True)
    assert (found.price, found.fields.model) == (None, model)
    assert rows_of(studio, desk)


def test_nothing_that_cannot_be_together_is_offered(studio: Studio) -> None:
    open_desk = fresh(Options(priority="quality", seed=1, quality="medium", size="1024x1024"))
    fields = judged(studio, open_desk).fields
    assert fields.model == "uneven"
    assert "Size: 512 × 512" not in moves_of(studio, open_desk, fields, [])
    desk = fresh(Options(background="transparent"))
    moves = moves_of(studio, desk, judged(studio, desk).fields, [])
    assert "Format: JPEG" not in moves
    desk = fresh(Options(output_format="jpeg"))
    assert "Background: Transparent" not in moves_of(studio, desk, judged(studio, desk).fields, [])


def test_a_quality_without_a_price_at_the_size_is_given_up_in_words(studio: Studio, desk: Desk) -> None:
    wishes.choose_model(desk, "uneven", None)
    wishes.choose(desk, quality="medium")
    wishes.choose(desk, size="512x512")
    assert judged(studio, desk).fields.quality == "low"
    assert desk.given_up == ("Uneven has no price for 512x512 at medium quality.",)


def test_what_is_asked_of_the_studio_in_general_is_what_other_models_are_priced_at(studio: Studio, desk: Desk) -> None:
    prices = {row["title"]: row["price"] for row in rows_of(studio, desk)}
    assert prices["As usual"] == prices["GPT Image 2.5 Flare"] == "$0.0414", "1536x1024 at high quality"
    assert next(row for row in rows_of(studio, desk) if row["key"] == "auto:cost")["price"] == prices["Flux 2 (Fal)"]


def test_as_usual_gives_up_in_words_what_the_usual_model_cannot_do(studio: Studio, desk: Desk) -> None:
    wishes.choose_model(desk, "stable-image-core", None)
    wishes.choose(desk, size="1344x768", seed=7)
    (row,) = [row for row in rows_of(studio, desk) if row["key"] == "auto:"]
    assert not row["off"]
    wishes.choose_model(desk, None, None)
    found = judged(studio, desk)
    assert (found.fields.model, found.fields.size, found.fields.seed) == (USUAL.model, "1536x1024", None)
    assert format_usd(found.alone or 0) == row["price"]
    assert "takes no seed" in desk.given_up[0]


def test_other_models_are_priced_at_the_quality_that_is_configured(studio: Studio, desk: Desk) -> None:
    (row,) = [row for row in rows_of(studio, desk) if row["key"] == "model:gpt-image-2"]
    assert row["price"] == "$0.2112", "high, at the one size that has a price"


@pytest.mark.parametrize("how", ["paused", "failing"])
@pytest.mark.parametrize("provider", ["openai", "google", "fal", "stability"])
def test_what_does_not_work_is_never_called_the_best(
    studio: Studio, desk: Desk, weather: Weather, how: str, provider: str
) -> None:
    setattr(weather, how, provider)
    own = {model.label for model in studio.catalog.image_models if model.provider == provider}
    for options in (Options(), Options(size="1024x1024"), Options(quality="standard"), Options(seed=7)):
        desk.edit(options=options)
        rows = rows_of(studio, desk)
        assert not [row for row in rows if row["tags"] and row["title"] in own]
        by_priority = [row for row in rows if row["key"] in ("auto:speed", "auto:quality", "auto:cost")]
        assert not [row for row in by_priority if not row["off"] and row["about"].partition(":")[0] in own]


def test_what_is_above_the_limit_of_an_image_is_not_offered(studio: Studio, desk: Desk) -> None:
    (row,) = [row for row in rows_of(studio, desk) if row["key"] == "model:gpt-image-2"]
    assert (row["off"], row["tags"], "An image costs up to" in row["about"]) == (True, [], True)
    desk.edit(options=Options(priority="quality", quality="high"))
    assert judged(studio, desk).price is not None
