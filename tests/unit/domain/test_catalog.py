"""Prices before, costs after, and models that cannot be had."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.domain.catalog import IMAGE_MODELS, image_cost, image_model, quote_image, text_cost
from imagegeneration.domain.generation import GenerationParameters, Usage
from imagegeneration.errors import ModelUnavailable

TODAY = date(2026, 11, 21)


def parameters(model: str, size: str = "1024x1024", quality: str = "medium") -> GenerationParameters:
    return GenerationParameters(provider="openai", model=model, size=size, quality=quality, output_format="png")


def test_a_quote_is_the_image_and_the_bytes_of_the_prompt() -> None:
    assert quote_image(parameters("gpt-image-2.5-flare"), "x" * 100, TODAY) == 13_200 + 500
    assert quote_image(parameters("gpt-image-2.5-flare"), "🎨", TODAY) == 13_200 + 20


@given(prompt=st.text(min_size=1, max_size=500), quality=st.sampled_from(["low", "medium", "high", "xhigh", "max"]))
def test_a_bill_of_the_priced_tokens_never_passes_the_quote(prompt: str, quality: str) -> None:
    try:
        size = len(prompt.encode())
    except UnicodeEncodeError:
        return
    model = "gpt-image-2.5-flare"
    price = IMAGE_MODELS[model].image_prices["1024x1024", quality]
    usage = Usage(input_text_tokens=size, input_image_tokens=0, output_tokens=price // 30)
    assert image_cost(model, usage) <= quote_image(parameters(model, quality=quality), prompt, TODAY)


@pytest.mark.parametrize(
    ("model", "named"),
    [("gpt-image-1", "gpt-image-2.5-flare"), ("dall-e-3", "gpt-image-2.5-flare"), ("imagen-9", "not in the catalog")],
)
def test_what_cannot_be_had_is_refused_in_words(model: str, named: str) -> None:
    with pytest.raises(ModelUnavailable, match=named):
        image_model(model, TODAY)


def test_a_model_lives_until_its_last_day() -> None:
    assert image_model("gpt-image-1.5", date(2026, 11, 30)).name == "gpt-image-1.5"
    with pytest.raises(ModelUnavailable, match="shut down on 2026-12-01"):
        image_model("gpt-image-1.5", date(2026, 12, 1))


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
        quote_image(parameters(model, size, quality), "a kite", TODAY)


def test_the_enhancer_has_a_price_or_is_refused() -> None:
    assert text_cost("gpt-6-luna", 100, 200) == 110
    with pytest.raises(ModelUnavailable):
        text_cost("gpt-unknown", 1, 1)


def test_every_row_says_when_and_where_it_was_read() -> None:
    for model in IMAGE_MODELS.values():
        assert model.source
        assert model.read_on <= TODAY
        assert model.shut_down is None or model.successor in IMAGE_MODELS
