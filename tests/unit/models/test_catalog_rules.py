"""The rules of a row of the catalog, each at its edge, with rows made for it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from imagegeneration.assets.reference import Reference
from imagegeneration.core.errors import ConfigurationError, InvalidRequest, ModelUnavailable, TooLarge
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.model import Bounds, FreeSizes, ImageModel, Slow, TextModel
from imagegeneration.models.prices import ImagePrice, Prices
from imagegeneration.providers.generation import LARGEST_SEED, GenerationParameters, Lora, Usage

TODAY = date(2026, 11, 21)


def model(**facts: Any) -> ImageModel:
    known: dict[str, Any] = {
        "name": "m",
        "provider": "p",
        "label": "M",
        "sizes": ("512x512", "1024x512"),
        "source": "us",
        "read_on": TODAY,
    }
    return ImageModel(**(known | facts))


def catalog(*models: ImageModel) -> Catalog:
    text = TextModel(name="t", text_in=1_000_000, text_out=2_000_000, source="us", read_on=TODAY)
    return Catalog(price_table="7", image_models=models, text_models=(text,))


def wanted(**facts: Any) -> GenerationParameters:
    known: dict[str, Any] = {
        "provider": "p",
        "model": "m",
        "size": "512x512",
        "quality": "standard",
        "output_format": "png",
    }
    return GenerationParameters(**(known | facts))


FREE = FreeSizes(step=16, shortest=64, longest=640, ratio=4, most_pixels=640 * 480)


@pytest.mark.parametrize(
    ("width", "height", "holds"),
    [
        (640, 480, True),
        (480, 640, True),
        (640, 496, False),
        (64, 64, True),
        (48, 64, False),
        (64, 48, False),
        (656, 400, False),
        (400, 656, False),
        (640, 160, True),
        (640, 144, False),
        (160, 640, True),
        (144, 640, False),
        (72, 64, False),
        (64, 72, False),
    ],
)
def test_a_free_size_is_within_each_bound(width: int, height: int, holds: bool) -> None:
    assert FREE.holds(width, height) == holds
    assert FREE.model_copy(update={"most_pixels": None}).holds(640, 640)


def test_a_price_is_that_of_the_size_and_quality_or_stands_for_all() -> None:
    prices = Prices(
        image=(
            ImagePrice(size="512x512", quality="low", micros=1),
            ImagePrice(size="512x512", micros=2),
            ImagePrice(quality="low", micros=3),
        )
    )
    found = [
        prices.of(wanted(size=size, quality=quality))
        for size, quality in (("512x512", "low"), ("512x512", "max"), ("1024x512", "low"), ("1024x512", "max"))
    ]
    assert found == [1, 2, 3, None]


@pytest.mark.parametrize(("size", "micros"), [("1024x1024", 5), ("1024x1025", 10), ("16x16", 5), ("2048x1024", 10)])
def test_a_started_megapixel_is_paid_whole(size: str, micros: int) -> None:
    assert Prices(megapixel=5).of(wanted(size=size)) == micros


@pytest.mark.parametrize(
    ("facts", "today", "alive", "dying"),
    [
        ({}, TODAY, True, False),
        ({"unavailable": "no"}, TODAY, False, False),
        ({"shut_down": date(2026, 12, 21)}, TODAY, True, True),
        ({"shut_down": date(2026, 12, 22)}, TODAY, True, False),
        ({"shut_down": date(2026, 11, 22)}, TODAY, True, True),
        ({"shut_down": date(2026, 11, 21)}, TODAY, False, False),
    ],
)
def test_a_model_is_announced_in_its_last_thirty_days(
    facts: dict[str, Any], today: date, alive: bool, dying: bool
) -> None:
    assert (model(**facts).is_alive(today), model(**facts).is_dying(today)) == (alive, dying)


@pytest.mark.parametrize(
    ("slow", "facts", "seconds"),
    [
        (None, {}, 60),
        (Slow(qualities=("max",), pixels=512 * 512, seconds=90), {}, 60),
        (Slow(qualities=("max",), pixels=512 * 512 - 1, seconds=90), {}, 90),
        (Slow(qualities=("max",), seconds=90), {"quality": "max"}, 90),
        (Slow(qualities=("max",), seconds=90), {}, 60),
    ],
)
def test_what_is_slow_has_more_time(slow: Slow | None, facts: dict[str, Any], seconds: float) -> None:
    row = model(timeout_seconds=60, slow=slow)
    assert row.seconds_for(wanted(**facts)) == seconds
    assert row.longest_seconds == (90 if slow else 60)
    assert model(timeout_seconds=99, slow=slow).longest_seconds == 99


def test_seeds_go_on_from_the_first_and_begin_again_after_the_largest() -> None:
    assert model().seeds(7, 3) == [7, 8, 9]
    assert model().seeds(LARGEST_SEED, 3) == [LARGEST_SEED, 0, 1]
    assert model(least_seed=1).seeds(LARGEST_SEED, 3) == [LARGEST_SEED, 1, 2]
    assert model(least_seed=1).seeds(1, 2) == [1, 2]


def test_several_images_have_a_seed_each_if_one_was_asked_for() -> None:
    known = catalog(model(takes_seed=True))
    assert known.with_seeds(wanted(seed=7), 2) == wanted(seed=7, seeds=(7, 8))
    for same, count in ((wanted(seed=7), 1), (wanted(), 2), (wanted(model="gone", seed=7), 2)):
        assert known.with_seeds(same, count) is same


def test_what_is_usual_has_a_price_and_is_like_what_was_usual_elsewhere() -> None:
    prices = Prices(image=(ImagePrice(size="1024x512", quality="high", micros=1),))
    row = model(qualities=("low", "medium", "high"), formats=("webp", "png"), prices=prices)
    assert row.usual("q") == wanted(provider="q", size="1024x512", quality="high", output_format="webp")
    assert (row.priced_sizes(), row.priced_qualities("1024x512")) == (["1024x512"], ["high"])
    free = row.model_copy(update={"prices": Prices()})
    assert free.usual("p") == wanted(quality="medium", output_format="webp")
    like = wanted(size="1024x512", quality="low", output_format="png")
    assert free.usual("p", like) == like
    other = wanted(size="16x16", quality="max", output_format="jpeg")
    assert free.usual("p", other) == free.usual("p")
    assert model(qualities=("low", "high")).usual("p").quality == "low"


@pytest.mark.parametrize(
    ("prices", "is_priced"),
    [
        (Prices(), False),
        (Prices(megapixel=1), True),
        (Prices(image=(ImagePrice(size="512x512", micros=1),)), False),
        (Prices(image=(ImagePrice(size="512x512", micros=1), ImagePrice(quality="low", micros=1))), True),
    ],
)
def test_free_sizes_are_offered_where_they_have_a_price(prices: Prices, is_priced: bool) -> None:
    assert model(free_sizes=FREE, prices=prices).priced_free_sizes == (FREE if is_priced else None)
    assert model(prices=prices).priced_free_sizes is None


def test_a_model_makes_the_listed_sizes_and_the_free_ones() -> None:
    assert model().makes(1024, 512)
    assert not model().makes(512, 1024)
    assert model(free_sizes=FREE).makes(64, 64)
    assert not model(free_sizes=FREE).makes(65, 64)
    assert model(free_sizes=FREE).makes(1024, 512), "it is listed"


ABLE: dict[str, Any] = {
    "formats": ("png", "jpeg"),
    "backgrounds": ("transparent",),
    "takes_seed": True,
    "least_seed": 5,
    "takes_negative_prompt": True,
    "steps": Bounds(least=2, most=9, usual=4),
    "guidance": Bounds(least=1.5, most=7, usual=3),
    "loras": 1,
    "lora_family": "f",
    "edits": True,
    "references": 1,
    "partial_images": 1,
}
NO_CHOICE, NO_JPEG = "has no choice of this background", "makes no transparent JPEG"
NO_PREVIEWS = "shows no images before they are done"
NO_EDIT = "The catalog has no price for images that m is given to edit."
LORA = Lora(path="a/b", family="f")
REFERENCE = Reference(image_id="img_1", sha256="0")


@pytest.mark.parametrize(
    ("facts", "field", "able", "unable"),
    [
        ({"size": "16x16"}, "size", "makes 512x512, 1024x512", "makes 512x512, 1024x512"),
        ({"quality": "low"}, "quality", "knows standard", "knows standard"),
        ({"output_format": "webp"}, "outputFormat", "answers png, jpeg", "answers png"),
        ({"background": "opaque"}, "background", NO_CHOICE, NO_CHOICE),
        ({"background": "transparent"}, "background", None, NO_CHOICE),
        ({"background": "transparent", "output_format": "jpeg"}, "background", NO_JPEG, NO_JPEG),
        ({"seed": 5}, "seed", None, "takes no seed"),
        ({"seed": 4}, "seed", "takes seeds from 5 on", "takes no seed"),
        ({"negative_prompt": "fog"}, "negativePrompt", None, "takes no negative prompt"),
        ({"steps": 2}, "steps", None, "takes no such number"),
        ({"steps": 9}, "steps", None, "takes no such number"),
        ({"steps": 1}, "steps", "takes 2 to 9", "takes no such number"),
        ({"steps": 10}, "steps", "takes 2 to 9", "takes no such number"),
        ({"guidance": 1.5}, "guidance", None, "takes no such number"),
        ({"guidance": 7.1}, "guidance", "takes 1.5 to 7", "takes no such number"),
        ({"loras": (LORA,)}, "loras", None, "takes no LoRAs"),
        ({"loras": (LORA, LORA)}, "loras", "takes at most 1 LoRA", "takes no LoRAs"),
        ({"loras": (Lora(path="a/b"),)}, "loras", None, "takes no LoRAs"),
        ({"loras": (Lora(path="a/b", family="g"),)}, "loras", "takes no LoRAs made for g", "takes no LoRAs"),
        ({"references": (REFERENCE,)}, "references", None, "edits no images"),
        ({"references": (REFERENCE,) * 2}, "references", "edits at most 1 images at once", "edits no images"),
        ({"partial_images": 1}, "partialImages", None, NO_PREVIEWS),
        ({"partial_images": 2}, "partialImages", "shows an image at most 1 times before it is done", NO_PREVIEWS),
    ],
)  # fmt: skip
def test_what_a_model_can_do_it_can_to_the_edge_and_says_where_that_is(
    facts: dict[str, Any], field: str, able: str | None, unable: str
) -> None:
    assert model(**ABLE).problems(wanted(**facts)) == ({} if able is None else {field: f"M {able}."})
    assert model().problems(wanted(**facts))[field].startswith("M takes" if field == "loras" else f"M {unable}.")
    assert model(loras=2).problems(wanted(loras=(LORA,) * 3)) == {"loras": "M takes at most 2 LoRAs."} or field


def test_what_is_not_possible_is_refused_field_by_field() -> None:
    known = catalog(model())
    known.require_possible(wanted(), TODAY)
    dying = catalog(model(shut_down=date(2026, 11, 22)))
    dying.require_possible(wanted(), TODAY)
    with pytest.raises(ModelUnavailable):
        dying.require_possible(wanted(), date(2026, 11, 22))
    with pytest.raises(InvalidRequest) as refusal:
        known.require_possible(wanted(seed=1, steps=1), TODAY)
    assert refusal.value.message == "seed: M takes no seed. steps: M takes no such number."


def test_more_images_than_a_model_edits_at_once_are_too_large() -> None:
    known = catalog(model(edits=True, references=1))
    known.require_possible(wanted(references=(REFERENCE,)), TODAY)
    with pytest.raises(TooLarge) as refusal:
        known.require_possible(wanted(seed=1, references=(REFERENCE,) * 2), TODAY)
    assert refusal.value.message == "seed: M takes no seed. references: M edits at most 1 images at once."
    with pytest.raises(InvalidRequest, match="M edits no images"):
        catalog(model()).require_possible(wanted(references=(REFERENCE,)), TODAY)


PRICES = Prices(
    image=(ImagePrice(size="512x512", micros=10_000),),
    text_in=3_000_000,
    image_in=5_000_000,
    image_out=7_000_000,
    text_out=11_000_000,
    text_out_most=100,
    reference_tokens=10,
    partial_tokens=20,
)


@pytest.mark.parametrize(
    ("facts", "more"),
    [
        ({}, 0),
        ({"negative_prompt": "x" * 100}, 300),
        ({"references": (REFERENCE,) * 2}, 100),
        ({"partial_images": 3}, 420),
    ],
)
def test_a_quote_has_room_for_all_that_may_be_billed(facts: dict[str, Any], more: int) -> None:
    prompt = "x" * 68
    known = catalog(model(prices=PRICES))
    expected = 10_000 + 3 * (68 + 32) + 11 * 100 + more
    assert known.quote(wanted(**facts), prompt, TODAY) == -(-expected // 100) * 100


@pytest.mark.parametrize(
    ("changes", "facts", "words"),
    [
        ({"image": ()}, {}, "The catalog has no price for m at 512x512, quality standard."),
        ({"image_in": 0}, {"references": (REFERENCE,)}, NO_EDIT),
        ({"reference_tokens": 0}, {"references": (REFERENCE,)}, NO_EDIT),
        ({"partial_tokens": 0}, {"partial_images": 1}, "The catalog has no price for images that m shows on the way."),
        ({"image_out": 0}, {"partial_images": 1}, "The catalog has no price for images that m shows on the way."),
    ],
)  # fmt: skip
def test_what_has_no_price_is_not_quoted(changes: dict[str, Any], facts: dict[str, Any], words: str) -> None:
    known = catalog(model(prices=PRICES.model_copy(update=changes)))
    with pytest.raises(ModelUnavailable) as refusal:
        known.quote(wanted(**facts), "x", TODAY)
    assert refusal.value.message == words


def test_a_bill_counts_each_kind_of_token_at_its_own_price() -> None:
    known = catalog(model(prices=PRICES), model(name="image", prices=PRICES.model_copy(update={"image_out": 0})))
    usage = Usage(
        input_text_tokens=1, input_image_tokens=10, output_tokens=100, output_text_tokens=1_000, undivided_tokens=10_000
    )
    assert known.cost("m", usage) == 3 + 50 + 700 + 11_000 + 50_000
    dear_text = catalog(model(prices=PRICES.model_copy(update={"text_in": 6_000_000})))
    assert dear_text.cost("m", usage) == 6 + 50 + 700 + 11_000 + 60_000
    assert known.cost("m", usage.model_copy(update={"implausible": True})) is None
    assert known.cost("image", usage) is None
    assert known.cost("gone", usage) is None


DEAR, CHEAP = ImagePrice(quality="high", micros=1_000), ImagePrice(quality="low", micros=100)
COUNT = Usage(input_text_tokens=1, input_image_tokens=0, output_tokens=1_000)


@pytest.mark.parametrize(
    ("facts", "is_edit", "most", "implausible"),
    [
        ({}, False, 7_003, False),
        ({}, False, 7_002, True),
        ({"input_text_tokens": 0}, False, 9_999, True),
        ({"input_text_tokens": 0, "undivided_tokens": 1}, False, 9_999, False),
        ({"output_tokens": 0}, False, 9_999, True),
        ({"output_tokens": 142}, False, 9_999, True),
        ({"output_tokens": 143}, False, 9_999, False),
        ({}, True, 9_999, True),
        ({"input_image_tokens": 1}, True, 9_999, False),
        ({"undivided_tokens": 1}, True, 9_999, False),
        ({"input_text_tokens": 0, "input_image_tokens": 1}, True, 9_999, False),
        ({"input_image_tokens": 1, "undivided_tokens": 1}, True, 9_999, False),
        ({"input_text_tokens": 1, "undivided_tokens": 1}, True, 9_999, False),
    ],
)
def test_a_count_is_believed_to_its_edges(facts: dict[str, Any], is_edit: bool, most: int, implausible: bool) -> None:
    known = catalog(model(prices=PRICES))
    judged = known.judged(wanted(), COUNT.model_copy(update=facts), is_edit=is_edit, max_cost_micros=most)
    assert judged.implausible == implausible


def test_a_count_of_a_model_without_a_price_by_the_image_or_a_row_is_kept() -> None:
    by_token = catalog(model(prices=PRICES.model_copy(update={"image": (), "image_out": 1})))
    tiny = COUNT.model_copy(update={"output_tokens": 1})
    assert by_token.judged(wanted(), tiny, is_edit=False, max_cost_micros=9) == tiny
    assert by_token.judged(wanted(model="gone"), tiny, is_edit=False, max_cost_micros=0) == tiny
    exact = catalog(model(prices=PRICES.model_copy(update={"image": (ImagePrice(micros=70),), "image_out": 7_000_000})))
    assert exact.judged(wanted(), tiny, is_edit=False, max_cost_micros=99) == tiny, "a tenth of its price, exactly"
    two = catalog(model(prices=PRICES.model_copy(update={"image": (DEAR, CHEAP), "image_out": 1_000_000})))
    for quality, least in (("high", 100), ("low", 10), ("lost", 10)):
        enough, less = (COUNT.model_copy(update={"output_tokens": count}) for count in (least, least - 1))
        assert two.judged(wanted(quality=quality), enough, is_edit=False, max_cost_micros=999) == enough
        assert two.judged(wanted(quality=quality), less, is_edit=False, max_cost_micros=999).implausible
    by_pixel = catalog(model(prices=PRICES.model_copy(update={"image": (), "megapixel": 1_000_000})))
    assert by_pixel.judged(wanted(), tiny, is_edit=False, max_cost_micros=99) == tiny
    undivided = tiny.model_copy(update={"undivided_tokens": 4})
    text = by_token.judged(wanted(), undivided, is_edit=False, max_cost_micros=99)
    assert (text.input_text_tokens, text.undivided_tokens) == (5, 0)
    assert by_token.judged(wanted(), undivided, is_edit=True, max_cost_micros=99) == undivided


def test_a_text_costs_what_was_read_and_written() -> None:
    assert catalog().text_cost("t", 3, 5) == 13
    with pytest.raises(ModelUnavailable) as refusal:
        catalog().text_cost("u", 3, 5)
    assert refusal.value.message == "The text model u is not in the catalog, so it has no price."


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"name": "n"}, "The model m is not in the catalog, so it has no price."),
        ({"unavailable": "no API"}, "M cannot be had: no API."),
        ({"shut_down": TODAY}, "The model m was shut down on 2026-11-21."),
        ({"shut_down": TODAY, "successor": "n"}, "The model m was shut down on 2026-11-21. Its successor is n."),
    ],
)
def test_why_a_model_cannot_be_had(facts: dict[str, Any], words: str) -> None:
    known = catalog(model(**facts))
    assert known.why_not("m", TODAY) == words
    assert catalog(model()).why_not("m", TODAY) is None
    assert known.named(facts.get("name", "m")) is known.image_models[0]


def test_rows_of_another_catalog_take_the_place_of_those_of_the_same_name() -> None:
    other = catalog(model(label="Other"), model(name="n"))
    merged = catalog(model(), model(name="o")).with_rows_of(other, "mark")
    assert [row.label for row in merged.image_models] == ["Other", "M", "M"]
    assert [row.name for row in merged.image_models] == ["m", "o", "n"]
    assert (merged.price_table, merged.text_models) == ("7+mark", other.text_models)


def test_an_operators_file_says_what_is_wrong_with_it_and_where(tmp_path: Path) -> None:
    path = tmp_path / "rows.toml"
    with pytest.raises(ConfigurationError, match=rf"^CATALOG_FILE: {path} cannot be read: .*\.$"):
        Catalog.read(path)
    path.write_text("[[text_models]]\nname = 't'\ntext_in = 1\ntext_out = -1\nsource = ''\nread_on = 2026-11-21")
    with pytest.raises(ConfigurationError) as refusal:
        Catalog.read(path)
    assert str(refusal.value) == "CATALOG_FILE: text_models.0.text_out: Input should be greater than or equal to 0."
    path.write_text("[[text_models]]\nname = 't'\ntext_in = 1\ntext_out = 2\nsource = ''\nread_on = 2026-11-21")
    marks = {Catalog.read(path).price_table for _ in range(2)}
    assert len(marks) == 1
    assert len(marks.pop().partition("+")[2]) == 8
    assert Catalog.read(path).text_cost("t", 1_000_000, 1_000_000) == 3
