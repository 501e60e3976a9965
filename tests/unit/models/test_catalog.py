"""Prices before, costs after, and models that cannot be had."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.assets.reference import Reference
from imagegeneration.core.errors import ConfigurationError, ModelUnavailable
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.model import ImageModel
from imagegeneration.money.money import PRICE_STEP
from imagegeneration.providers.generation import GenerationParameters, Lora, Usage

TODAY = date(2026, 11, 21)
CATALOG = Catalog.read()
MOST = 1_000_000
"""What no image costs."""


def parameters(model: str, size: str = "1024x1024", quality: str = "medium") -> GenerationParameters:
    return GenerationParameters(provider="openai", model=model, size=size, quality=quality, output_format="png")


def test_a_quote_is_the_image_and_the_bytes_of_the_prompt() -> None:
    assert CATALOG.quote(parameters("gpt-image-2.5-flare"), "x" * 100, TODAY) == 13_900  # 13_200 + 500 + 160
    assert CATALOG.quote(parameters("gpt-image-2.5-flare"), "🎨", TODAY) == 13_400  # 13_200 + 20 + 160


def test_images_on_the_way_are_part_of_the_quote() -> None:
    flare = parameters("gpt-image-2.5-flare")
    quotes = [CATALOG.quote(flare.model_copy(update={"partial_images": count}), "x", TODAY) for count in range(4)]
    assert [quote - quotes[0] for quote in quotes] == [0, 3_000, 6_000, 9_000]


@pytest.mark.parametrize("row", CATALOG.image_models, ids=lambda row: row.name)
def test_what_is_shown_on_the_way_has_a_price(row: ImageModel) -> None:
    assert (row.partial_images > 0) == (row.prices.partial_micros > 0)


def test_images_on_the_way_without_a_price_are_refused() -> None:
    row = CATALOG.model("gpt-image-2.5-flare", TODAY)
    free = row.model_copy(update={"prices": row.prices.model_copy(update={"partial_tokens": 0})})
    other = CATALOG.with_rows_of(CATALOG.model_copy(update={"image_models": (free,)}), "test")
    assert other.quote(parameters(row.name), "x", TODAY) > 0
    with pytest.raises(ModelUnavailable, match="on the way"):
        other.quote(parameters(row.name).model_copy(update={"partial_images": 1}), "x", TODAY)


@given(prompt=st.text(min_size=1, max_size=500), quality=st.sampled_from(["low", "medium", "high", "xhigh", "max"]))
def test_a_bill_of_the_priced_tokens_never_passes_the_quote(prompt: str, quality: str) -> None:
    try:
        size = len(prompt.encode())
    except UnicodeEncodeError:
        return
    model = "gpt-image-2.5-flare"
    price = CATALOG.model(model, TODAY).prices.of(parameters(model, quality=quality))
    assert price is not None
    usage = Usage(input_text_tokens=size, input_image_tokens=0, output_tokens=price // 30)
    cost = CATALOG.cost(model, usage)
    assert cost is not None
    assert cost <= CATALOG.quote(parameters(model, quality=quality), prompt, TODAY)


@pytest.mark.parametrize(
    ("model", "named"),
    [("gpt-image-1", "gpt-image-2.5-flare"), ("dall-e-3", "gpt-image-2.5-flare"), ("imagen-9", "not in the catalog")],
)
def test_what_cannot_be_had_is_refused_in_words(model: str, named: str) -> None:
    with pytest.raises(ModelUnavailable, match=named):
        CATALOG.model(model, TODAY)


def test_a_model_lives_until_its_last_day() -> None:
    assert CATALOG.model("gpt-image-1.5", date(2026, 11, 30)).name == "gpt-image-1.5"
    with pytest.raises(ModelUnavailable, match="shut down on 2026-12-01"):
        CATALOG.model("gpt-image-1.5", date(2026, 12, 1))


@pytest.mark.parametrize(
    ("model", "size", "quality"),
    [
        ("gpt-image-2.5-flare", "512x512", "medium"),
        ("gpt-image-2", "1024x1024", "max"),
        ("gpt-image-2.6-flare", "1024x1024", "low"),
        ("gpt-image-1.5", "1024x1024", "low"),
    ],
)
def test_without_a_price_nothing_is_quoted(model: str, size: str, quality: str) -> None:
    with pytest.raises(ModelUnavailable, match="no price"):
        CATALOG.quote(parameters(model, size, quality), "a kite", TODAY)


def test_the_enhancer_has_a_price_or_is_refused() -> None:
    assert CATALOG.text_cost("gpt-6-luna", 100, 200) == 110
    with pytest.raises(ModelUnavailable):
        CATALOG.text_cost("gpt-unknown", 1, 1)


def test_every_row_says_when_and_where_it_was_read() -> None:
    for model in CATALOG.image_models:
        assert model.source
        assert model.read_on <= TODAY
        assert model.shut_down is None or CATALOG.named(model.successor or "") is not None


def test_what_a_model_cannot_do_is_named_field_by_field() -> None:
    flux = CATALOG.model("fal-ai/flux-lora", TODAY)
    wanted = GenerationParameters(
        provider="fal",
        model=flux.name,
        size="1000x1001",
        quality="max",
        output_format="webp",
        background="transparent",
        negative_prompt="hands",
        steps=99,
        guidance=21.0,
        loras=tuple(Lora(path=f"https://example.com/{number}") for number in range(6)),
    )
    assert list(flux.problems(wanted)) == [
        *("size", "quality", "outputFormat", "background", "negativePrompt", "steps", "guidance", "loras")
    ]
    assert not flux.problems(flux.usual("fal"))


@pytest.mark.parametrize(
    ("name", "families", "problem"),
    [
        ("fal-ai/flux-lora", ["flux-1"] * 5, None),
        ("fal-ai/flux-lora", ["flux-1", None], None),
        ("fal-ai/flux-lora", ["flux-1"] * 6, "Flux with LoRAs (Fal) takes at most 5 LoRAs."),
        ("fal-ai/flux-lora", ["flux-1", "flux-2"], "Flux with LoRAs (Fal) takes no LoRAs made for flux-2."),
        ("fal-ai/flux-2/lora", ["flux-1"], "Flux 2 with LoRAs (Fal) takes no LoRAs made for flux-1."),
        ("black-forest-labs/flux-dev-lora", [None] * 2, "Flux dev with a LoRA (Replicate) takes at most 1 LoRA."),
        ("fal-ai/flux/dev", ["flux-1"], "Flux dev (Fal) takes no LoRAs."),
    ],
)
def test_loras_are_counted_and_held_against_what_they_are_made_for(
    name: str, families: list[str | None], problem: str | None
) -> None:
    model = CATALOG.model(name, TODAY)
    loras = tuple(Lora(path="owner/name", family=family) for family in families)
    assert model.problems(model.usual(model.provider).model_copy(update={"loras": loras})).get("loras") == problem


def test_a_model_that_takes_loras_says_what_they_are_made_for() -> None:
    assert all((model.loras > 0) == (model.lora_family is not None) for model in CATALOG.image_models)


@pytest.mark.parametrize("model", [model for model in CATALOG.image_models if model.is_alive(TODAY)])
def test_what_a_model_usually_makes_it_can_make_and_its_price_is_known_or_refused(model: ImageModel) -> None:
    usual = model.usual(model.provider)
    assert not model.problems(usual)
    if model.prices.of(usual) is None:
        with pytest.raises(ModelUnavailable, match="no price"):
            CATALOG.quote(usual, "a kite", TODAY)
    else:
        assert CATALOG.quote(usual, "a kite", TODAY) > 0


def test_a_started_megapixel_counts_whole() -> None:
    flux = CATALOG.model("fal-ai/flux/dev", TODAY).usual("fal")
    assert CATALOG.quote(flux, "a kite", TODAY) == 25_000
    assert CATALOG.quote(flux.model_copy(update={"size": "512x512"}), "a kite", TODAY) == 25_000
    assert CATALOG.quote(flux.model_copy(update={"size": "1024x1032"}), "a kite", TODAY) == 2 * 25_000


def test_a_model_that_was_never_to_be_had_says_why() -> None:
    with pytest.raises(ModelUnavailable, match="no official API"):
        CATALOG.model("midjourney", TODAY)


def test_a_dying_model_is_announced_thirty_days_ahead() -> None:
    model = CATALOG.model("gpt-image-1.5", TODAY)
    assert model.is_dying(TODAY)
    assert not model.is_dying(date(2026, 10, 31))
    assert not model.is_dying(date(2026, 12, 1))


def test_an_operators_file_replaces_rows_and_names_its_price_table(tmp_path: Path) -> None:
    override = tmp_path / "catalog.toml"
    override.write_text("""
[[image_models]]
name = "forge-image-service"
provider = "forge"
label = "Our Forge"
sizes = ["1024x1024"]
source = "the contract"
read_on = 2026-11-21
[image_models.prices]
image = [{ micros = 9_000 }]
""")
    changed = Catalog.read(override)
    assert changed.quote(changed.model("forge-image-service", TODAY).usual("forge"), "a kite", TODAY) == 9_000
    assert changed.model("gpt-image-2", TODAY) == CATALOG.model("gpt-image-2", TODAY)
    assert changed.price_table.startswith(f"{CATALOG.price_table}+")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", "no sizes"),
        ("sizes = ['1024']", "sizes"),
        ("sizes = ['1024x1024']\nqualities = []", "qualities"),
        ("sizes = ['1024x1024']\nformats = []", "formats"),
        ("sizes = ['1024x1024']\ntimeout_seconds = 0.0", "timeout_seconds"),
        ("sizes = ['1024x1024']\nfree_sizes = { step = 0, longest = 2048, ratio = 3 }", "step"),
    ],
)
def test_a_row_that_nothing_could_be_made_with_is_refused_at_the_start(tmp_path: Path, line: str, named: str) -> None:
    override = tmp_path / "catalog.toml"
    facts = "name = 'own'\nprovider = 'openai'\nlabel = 'Own'\nsource = 'us'\nread_on = 2026-11-21"
    override.write_text(f"[[image_models]]\n{facts}\n{line}")
    with pytest.raises(ConfigurationError, match=f"CATALOG_FILE.*{named}"):
        Catalog.read(override)


@pytest.mark.parametrize("text", ["[[image_models]]\nname = 1", "not toml", "surprise = 1", "\x00"])
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    override = tmp_path / "catalog.toml"
    override.write_text(text)
    with pytest.raises(ConfigurationError, match="CATALOG_FILE") as refusal:
        Catalog.read(override)
    assert "\n" not in str(refusal.value)


def test_words_and_thoughts_have_a_price_of_their_own_and_room_in_the_quote() -> None:
    model = "gemini-3-pro-image"
    wanted = parameters(model, quality="standard")
    usage = Usage(input_text_tokens=10, input_image_tokens=0, output_tokens=1_120, output_text_tokens=1_000)
    assert CATALOG.cost(model, usage) == 20 + 134_400 + 12_000
    assert CATALOG.quote(wanted, "x" * 10, TODAY) == 182_500  # 134_400 + 20 + 64 + 48_000


def test_a_count_of_tokens_says_nothing_of_a_model_billed_by_the_image() -> None:
    usage = Usage(input_text_tokens=10, input_image_tokens=0, output_tokens=1_120)
    assert CATALOG.cost("stable-image-core", usage) is None
    assert CATALOG.cost("a-model-whose-row-is-gone", usage) is None


def references(count: int) -> tuple[Reference, ...]:
    return tuple(Reference(image_id=f"img_{number}", sha256="0" * 64) for number in range(count))


@pytest.mark.parametrize(
    ("model", "count", "why"),
    [
        ("gpt-image-2.5-flare", 16, None),
        ("gpt-image-2.5-flare", 17, "GPT Image 2.5 Flare edits at most 16 images at once."),
        ("gemini-nano-banana-2.1", 14, None),
        ("gemini-nano-banana-2.1", 15, "Gemini Nano Banana 2.1 edits at most 14 images at once."),
        ("stable-image-core", 1, "Stable Image Core edits no images."),
        ("stable-image-core", 0, None),
    ],
)
def test_a_model_edits_as_many_images_as_it_says(model: str, count: int, why: str | None) -> None:
    wanted = CATALOG.model(model, TODAY).usual("openai").model_copy(update={"references": references(count)})
    assert CATALOG.model(model, TODAY).problems(wanted).get("references") == why


@pytest.mark.parametrize("model", [model.name for model in CATALOG.image_models if model.edits])
def test_every_model_that_edits_has_a_price_for_what_it_reads(model: str) -> None:
    prices = CATALOG.model(model, TODAY).prices
    usual = CATALOG.model(model, TODAY).usual("openai")
    if prices.of(usual) is None:
        return
    three = usual.model_copy(update={"references": references(3)})
    read = Usage(input_text_tokens=0, input_image_tokens=3 * prices.reference_tokens, output_tokens=0)
    more = CATALOG.quote(three, "x", TODAY) - CATALOG.quote(usual, "x", TODAY)
    cost = CATALOG.cost(model, read)
    assert cost is not None
    assert abs(more - cost) < PRICE_STEP


def test_what_has_no_price_for_what_it_reads_edits_nothing() -> None:
    flare = CATALOG.model("gpt-image-2.5-flare", TODAY)
    unpriced = flare.model_copy(update={"prices": flare.prices.model_copy(update={"reference_tokens": 0})})
    catalog = CATALOG.model_copy(update={"image_models": (unpriced,)})
    one = flare.usual("openai").model_copy(update={"references": references(1)})
    with pytest.raises(ModelUnavailable, match="no price for images"):
        catalog.quote(one, "x", TODAY)


@pytest.mark.parametrize(
    ("model", "size", "quality", "seconds"),
    [
        ("gpt-image-2.5-flare", "1024x1024", "medium", 600),
        ("gpt-image-2.5-flare", "1024x1024", "max", 900),
        ("gpt-image-2.5-flare", "3840x2160", "low", 900),
        ("gpt-image-2", "1024x1024", "high", 900),
        ("gemini-3-pro-image", "1024x1024", "standard", 600),
        ("stable-image-ultra", "1024x1024", "standard", 600),
        ("forge-image-service", "1024x1024", "standard", 600),
    ],
)
def test_what_takes_longer_is_waited_for_longer(model: str, size: str, quality: str, seconds: float) -> None:
    row = CATALOG.named(model)
    assert row is not None
    wanted = row.usual(row.provider).model_copy(update={"size": size, "quality": quality})
    assert (row.seconds_for(wanted), row.longest_seconds >= seconds) == (seconds, True)


FLARE = "gpt-image-2.5-flare"
COUNT = Usage(input_text_tokens=9, input_image_tokens=0, output_tokens=440)


@pytest.mark.parametrize(
    ("count", "is_edit"),
    [
        (Usage(input_text_tokens=0, input_image_tokens=0, output_tokens=0), False),
        (COUNT.model_copy(update={"input_text_tokens": 0}), False),
        (COUNT.model_copy(update={"output_tokens": 0}), False),
        (COUNT.model_copy(update={"output_tokens": 3}), False),
        (COUNT, True),
    ],
    ids=["zeros", "no-prompt", "no-image", "a-hundredth", "an-edit-that-read-no-image"],
)
def test_a_count_that_cannot_be_right_is_kept_and_not_used(count: Usage, is_edit: bool) -> None:
    judged = CATALOG.judged(parameters(FLARE), count, is_edit=is_edit, max_cost_micros=MOST)
    assert judged.implausible
    assert CATALOG.cost(FLARE, judged) is None


def test_a_count_that_can_be_right_is_used() -> None:
    assert CATALOG.judged(parameters(FLARE), COUNT, is_edit=False, max_cost_micros=MOST) == COUNT
    read = COUNT.model_copy(update={"input_image_tokens": 260})
    assert CATALOG.judged(parameters(FLARE), read, is_edit=True, max_cost_micros=MOST) == read


@pytest.mark.parametrize(
    ("size", "quality", "tokens"),
    [("1024x1024", "max", 703), ("1024x1024", "low", 20), ("1536x1024", "max", 549), ("1536x1024", "low", 16)],
)
def test_a_count_is_held_against_the_price_of_the_size_and_quality_that_were_asked_for(
    size: str, quality: str, tokens: int
) -> None:
    asked_for = parameters(FLARE, size, quality)
    enough, less = (COUNT.model_copy(update={"output_tokens": count}) for count in (tokens, tokens - 1))
    assert CATALOG.judged(asked_for, enough, is_edit=False, max_cost_micros=MOST) == enough
    assert CATALOG.judged(asked_for, less, is_edit=False, max_cost_micros=MOST).implausible


def test_tokens_that_are_not_divided_count_at_the_dearer_price_in_an_edit_and_as_text_else() -> None:
    undivided = Usage(input_text_tokens=0, input_image_tokens=0, undivided_tokens=1_000, output_tokens=440)
    edit = CATALOG.judged(parameters(FLARE), undivided, is_edit=True, max_cost_micros=MOST)
    assert CATALOG.cost(FLARE, edit) == 8 * 1_000 + 30 * 440
    fresh = CATALOG.judged(parameters(FLARE), undivided, is_edit=False, max_cost_micros=MOST)
    assert CATALOG.cost(FLARE, fresh) == 5 * 1_000 + 30 * 440


def test_a_hold_has_room_for_what_is_put_around_a_very_short_prompt() -> None:
    bill = CATALOG.cost(FLARE, Usage(input_text_tokens=1 + 12, input_image_tokens=0, output_tokens=440))
    assert bill is not None
    assert bill <= CATALOG.quote(parameters(FLARE), "x", TODAY)


@pytest.mark.parametrize("tokens", [10**6, 10**9, 2**53])
def test_a_count_that_would_cost_more_than_any_image_is_marked(tokens: int) -> None:
    for absurd in ({"output_tokens": tokens}, {"input_image_tokens": tokens}, {"output_text_tokens": tokens}):
        many = COUNT.model_copy(update=absurd)
        if (CATALOG.cost(FLARE, many) or 0) > MOST:
            assert CATALOG.judged(parameters(FLARE), many, is_edit=False, max_cost_micros=MOST).implausible
