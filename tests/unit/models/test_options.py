"""What is asked for, and what a model makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from imagegeneration.assets.reference import Reference
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.criteria import FITTED, Criteria, nearest_size
from imagegeneration.models.lora import LoraWish
from imagegeneration.models.model import ImageModel
from imagegeneration.models.options import Options, OptionsBody
from imagegeneration.models.prices import ImagePrice, Prices
from imagegeneration.providers.generation import GenerationParameters, Lora

TODAY = date(2026, 11, 21)
CATALOG = Catalog.read()
IMAGE_ID = "img_01M7Z8JC02GDDTCWAKG72PB5E3"
REFERENCE = Reference(image_id=IMAGE_ID, sha256="0" * 64)
ALIVE = [model for model in CATALOG.image_models if model.is_alive(TODAY)]


def made(options: Options, model: ImageModel, provider: str, *usual: GenerationParameters) -> GenerationParameters:
    """What the model makes of the options alone."""
    return Criteria(options=options).parameters(model, provider, 7, *usual)


def fit(options: Options, model: ImageModel, usual: GenerationParameters) -> tuple[Options, Mapping[str, str]]:
    """The options without what the model cannot do, and why."""
    fitted, lost = Criteria(options=options).fitting(model, usual)
    return fitted.options, lost


def edit(shape: tuple[int, int] | None = None, **options: Any) -> Criteria:
    """An edit of one image."""
    asked = Options(references=(IMAGE_ID,), **options)
    return Criteria(options=asked, references=(REFERENCE,), shape=shape)


@pytest.mark.parametrize("model", ALIVE, ids=lambda model: model.name)
def test_without_a_wish_it_is_the_models_usual(model: ImageModel) -> None:
    assert made(Options(), model, model.provider) == model.usual(model.provider)


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(1024, 1024, "1024x1024"), (1920, 1080, "1344x768"), (600, 1000, "768x1344"), (64, 4096, "640x1536")],
)
def test_a_wished_size_is_mapped_to_the_nearest_shape(width: int, height: int, size: str) -> None:
    core = CATALOG.model("stable-image-core", TODAY)
    assert nearest_size(core, width, height) == size


@given(st.sampled_from(ALIVE), st.integers(64, 4096), st.integers(64, 4096))
def test_whatever_is_wished_the_mapped_size_is_one_that_the_model_makes(
    model: ImageModel, width: int, height: int
) -> None:
    wide, high = map(int, nearest_size(model, width, height).split("x"))
    assert model.makes(wide, high)


def test_a_named_size_is_taken_as_it_is_and_refused_by_name() -> None:
    core = CATALOG.model("stable-image-core", TODAY)
    request = made(Options(size="1000x1000"), core, "stability")
    assert request.size == "1000x1000"
    assert list(core.problems(request)) == ["size"]


def test_a_random_seed_is_drawn_and_a_given_one_is_kept() -> None:
    core = CATALOG.model("stable-image-core", TODAY)
    assert made(Options(seed=-1), core, "stability").seed == 7
    assert made(Options(seed=0), core, "stability").seed == 0
    assert made(Options(), core, "stability").seed is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -2},
        {"seed": 2**31},
        {"negative_prompt": ""},
        {"negative_prompt": "x" * 1001},
        {"negative_prompt": "\x00"},
        {"width": 63, "height": 64},
        {"width": 512},
        {"height": 512},
        {"size": "1024x1024", "width": 512, "height": 512},
        {"size": "0x0"},
        {"steps": 0},
        {"guidance": float("nan")},
        {"provider": "No Such"},
        {"surprise": 1},
    ],
)
def test_what_no_model_could_do_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(wrong)


@pytest.mark.parametrize("weight", [-0.1, 2.1, float("inf")])
def test_a_weight_is_on_the_scale_of_prd_003(weight: float) -> None:
    with pytest.raises(ValidationError):
        LoraWish(path="owner/name", weight=weight)


def test_the_loras_that_were_found_are_sent_and_none_is_left_out() -> None:
    flux = CATALOG.model("fal-ai/flux-lora", TODAY)
    options = Options(loras=(LoraWish(name="ink"),))
    ink = Lora(path="owner/ink", weight=1.5, name="ink", family="flux-1")
    assert Criteria(options=options, loras=(ink,)).parameters(flux, "fal", 7).loras == (ink,)
    with pytest.raises(ValueError, match="not those that were asked for"):
        made(options, flux, "fal")


@pytest.mark.parametrize(
    ("dollars", "micros", "lower"),
    [(0.05, None, 50_000), (0.05, 40_000, 40_000), (0.05, 60_000, 50_000), (0.0000019, None, 1), (0, None, 0)],
)
def test_of_two_limits_the_lower_counts(dollars: float, micros: int | None, lower: int) -> None:
    asked = OptionsBody(options=Options(max_micros_per_image=micros), max_cost_per_image=dollars)
    assert asked.limited_options.max_micros_per_image == lower


def test_without_a_limit_the_options_stay_as_they_are() -> None:
    assert OptionsBody().limited_options == Options()


def test_references_are_those_that_were_asked_for_and_none_is_left_out() -> None:
    flare = CATALOG.model("gpt-image-2.5-flare", TODAY)
    assert edit().parameters(flare, "openai", 7).references == (REFERENCE,)
    with pytest.raises(ValueError, match="not those that were asked for"):
        made(Options(references=(IMAGE_ID,)), flare, "openai")
    with pytest.raises(ValueError, match="not those that were asked for"):
        Criteria(references=(REFERENCE,)).parameters(flare, "openai", 7)


def test_without_references_nothing_of_them_is_stored_or_hashed() -> None:
    flare = CATALOG.model("gpt-image-2.5-flare", TODAY)
    assert "references" not in Options().document()
    assert "references" not in made(Options(), flare, "openai").document()


@given(
    st.sampled_from(ALIVE),
    st.builds(
        Options,
        size=st.none() | st.sampled_from(["1024x1024", "1344x768", "2048x1152", "999x999"]),
        quality=st.sampled_from([None, "low", "high", "max", "standard"]),
        output_format=st.sampled_from([None, "png", "jpeg", "webp"]),
        background=st.sampled_from([None, "transparent", "opaque"]),
        seed=st.sampled_from([None, -1, 7]),
        negative_prompt=st.sampled_from([None, "fog"]),
        steps=st.sampled_from([None, 4, 30, 200]),
        guidance=st.sampled_from([None, 3.5, 100.0]),
    ),
)
def test_fitting_options_are_possible_priced_and_fit_again(model: ImageModel, options: Options) -> None:
    usual = model.usual(model.provider)
    fitted, lost = fit(options, model, usual)
    request = made(fitted, model, model.provider, usual)
    assert model.problems(request) == {}
    assert not model.priced_sizes() or request.quality in model.priced_qualities(request.size)
    assert fit(fitted, model, usual) == (fitted, {})
    kept = set(Options.model_fields) - {FITTED[field] for field in lost} - {"size", "width", "height"}
    assert all(getattr(fitted, name) == getattr(options, name) for name in kept)


@pytest.mark.parametrize("model", ALIVE, ids=lambda model: model.name)
def test_a_priced_size_has_a_price(model: ImageModel) -> None:
    for size in model.priced_sizes():
        for quality in model.priced_qualities(size):
            request = made(Options(size=size, quality=quality), model, model.provider)
            assert CATALOG.quote(request, "a kite", TODAY) > 0
    free = model.priced_free_sizes
    if free is not None:
        side = free.longest - free.longest % free.step
        request = made(Options(width=side, height=side), model, model.provider)
        assert CATALOG.quote(request, "a kite", TODAY) > 0


def test_a_size_that_the_model_does_not_make_becomes_the_nearest_of_those_it_does() -> None:
    core = CATALOG.model("stable-image-core", TODAY)
    for asked, nearest in (("1500x1000", "1216x832"), ("1000x2000", "768x1344"), ("1000x1010", "1024x1024")):
        fitted, lost = fit(Options(size=asked), core, core.usual("stability"))
        assert fitted.size == nearest
        assert nearest in lost["size"]


@pytest.mark.parametrize(
    ("shape", "size"), [((600, 400), "1536x1024"), ((400, 600), "1024x1536"), ((300, 310), "1024x1024")]
)
def test_an_edit_without_a_size_keeps_the_proportions_of_its_first_image(shape: tuple[int, int], size: str) -> None:
    flare = CATALOG.model("gpt-image-2.5-flare", TODAY)
    assert edit(shape).parameters(flare, "openai", 1).size == size
    for own in (edit(shape, size="1024x1024"), edit(shape, width=1001, height=1001)):
        assert own.parameters(flare, "openai", 1).size == "1024x1024", "a size that is asked for counts"
    only_square = CATALOG.model("gpt-image-2", TODAY)
    assert edit(shape).parameters(only_square, "openai", 1).size == "1024x1024", "the one that has a price"


@pytest.mark.parametrize(
    ("shape", "is_said"),
    [
        ((1536, 1024), False),
        ((768, 512), False),
        ((1515, 1000), False),
        ((1516, 1000), True),
        ((1486, 1000), False),
        ((1485, 1000), True),
        ((1920, 1080), True),
    ],
)
def test_other_proportions_than_those_of_the_first_image_are_said(shape: tuple[int, int], is_said: bool) -> None:
    flare = CATALOG.model("gpt-image-2.5-flare", TODAY)
    sent = edit(shape).parameters(flare, "openai", 1)
    words = f"Flare makes 1536x1024, which is the nearest to the first image's {shape[0]}x{shape[1]}."
    assert edit(shape).lost_proportions("Flare", sent) == (words if is_said else None)
    for own in ({"size": sent.size}, {"width": 1500, "height": 1000}):
        assert edit(shape, **own).lost_proportions("Flare", sent) is None
    assert edit().lost_proportions("Flare", sent) is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"fallback": ["a", "a"]}, "a model is named twice"),
        ({"references": [IMAGE_ID, IMAGE_ID]}, "must not name an image twice"),
        ({"width": 512}, "width and height must be given together"),
        ({"size": "1024x1024", "width": 512, "height": 512}, "must have either size, or width and height"),
    ],
)
def test_a_wish_that_says_two_things_is_refused_in_words(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Options.model_validate(wrong)


def row(**facts: Any) -> ImageModel:
    core = CATALOG.model("stable-image-core", TODAY)
    known: dict[str, Any] = {
        "label": "M",
        "sizes": ("512x512", "1024x512", "512x1024"),
        "qualities": ("low", "medium", "high"),
        "formats": ("png", "webp"),
        "prices": Prices(
            image=(
                ImagePrice(size="512x512", quality="low", micros=1),
                ImagePrice(size="1024x512", quality="high", micros=1),
                ImagePrice(size="1024x512", quality="low", micros=1),
            )
        ),
    }
    return core.model_copy(update=known | facts)


def test_all_that_is_asked_for_is_sent() -> None:
    asked = Options(
        size="1024x512",
        quality="high",
        output_format="webp",
        background="opaque",
        seed=5,
        negative_prompt="fog",
        steps=4,
        guidance=3.5,
        partial_images=2,
    )
    sent = made(asked, row(), "own")
    assert (sent.provider, sent.model) == ("own", "stable-image-core")
    assert {name: getattr(sent, name) for name in FITTED.values()} == {
        name: getattr(asked, name) for name in FITTED.values()
    }


@pytest.mark.parametrize(
    ("asked", "size", "quality"),
    [
        (Options(), "512x512", "low"),
        (Options(quality="high"), "512x512", "high"),
        (Options(size="1024x512"), "1024x512", "low"),
        (Options(width=1000, height=500), "1024x512", "low"),
        (Options(size="512x1024"), "512x1024", "low"),
    ],
)
def test_a_quality_that_is_not_asked_for_is_the_usual_or_one_that_has_a_price(
    asked: Options, size: str, quality: str
) -> None:
    sent = made(asked, row(), "own")
    assert (sent.size, sent.quality) == (size, quality)


def test_an_edit_takes_a_size_that_has_a_price_at_the_quality_that_is_asked_for() -> None:
    sizes = [
        edit((512, 512), quality=quality).parameters(row(), "own", 1).size
        for quality in (None, "low", "high", "medium")
    ]
    assert sizes == ["512x512", "512x512", "1024x512", "512x512"]
    free = row(prices=Prices())
    assert edit((9, 5)).parameters(free, "own", 1).size == "512x512"


def test_what_is_given_up_is_said_in_words() -> None:
    model = row()
    usual = model.usual("own")
    fitted, lost = fit(Options(size="512x1024", quality="medium"), model, usual)
    assert (fitted.size, fitted.quality) == ("512x512", None)
    assert lost == {
        "size": "M makes 512x512, which is the nearest to 512x1024.",
        "quality": "M has no price for 512x512 at medium quality.",
    }
    fitted, lost = fit(Options(width=1000, height=500, steps=3, seed=-1), model, usual)
    assert (fitted.size, fitted.width, fitted.height, fitted.steps, fitted.seed) == (None, 1000, 500, None, -1)
    assert lost == {"steps": "M takes no such number."}
    kept = Options(references=(IMAGE_ID,), loras=(LoraWish(name="ink"),), fallback=("other",))
    assert fit(kept, model, usual) == (kept, {})


@pytest.mark.parametrize(
    ("sizes", "wish", "size"),
    [
        (("512x512", "1024x1024"), (700, 700), "512x512"),
        (("512x512", "1024x1024"), (900, 900), "1024x1024"),
        (("512x256", "256x512"), (300, 290), "512x256"),
        (("512x256", "256x512"), (290, 300), "256x512"),
        (("1000x500", "1000x1000"), (1000, 710), "1000x1000"),
        (("1000x500", "1000x1000"), (1000, 700), "1000x500"),
    ],
)
def test_the_nearest_size_is_that_in_shape_and_then_in_area(
    sizes: tuple[str, ...], wish: tuple[int, int], size: str
) -> None:
    assert nearest_size(row(sizes=sizes, free_sizes=None), *wish) == size


def test_options_are_fitted_to_what_is_usual_here_and_not_to_what_the_catalog_has() -> None:
    model = row()
    wide = model.usual("own").model_copy(update={"size": "1024x512", "quality": "high"})
    high = Options(quality="high")
    assert fit(high, model, wide) == (high, {})
    fitted, lost = fit(Options(), model, wide.model_copy(update={"size": "512x1024"}))
    assert (fitted, set(lost)) == (Options(size="512x512"), {"size"})


def test_a_size_takes_the_place_of_the_width_and_height_that_are_not_made() -> None:
    model = row()
    fitted, lost = fit(Options(width=600, height=1200), model, model.usual("own"))
    assert (fitted, set(lost)) == (Options(size="512x512"), {"size"})


def test_a_random_seed_fits_every_model_that_takes_one() -> None:
    for least in (0, 1, 2, 1000):
        model = row(takes_seed=True, least_seed=least)
        assert fit(Options(seed=-1), model, model.usual("own")) == (Options(seed=-1), {})
    model = row(takes_seed=False)
    assert fit(Options(seed=-1), model, model.usual("own")) == (Options(), {"seed": "M takes no seed."})


def test_a_usual_quality_without_a_price_at_the_size_gives_way_to_the_first_that_has_one() -> None:
    medium = row().usual("own").model_copy(update={"quality": "medium"})
    found = [made(Options(size=size), row(), "own", medium).quality for size in ("1024x512", "512x1024")]
    assert found == ["low", "medium"], "where no quality has a price, it stays"
