from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from imagegeneration.local.sandbox.wire import ImageRequest, TextRequest, WireError, huge_png
from imagegeneration.models.catalog import Catalog
from imagegeneration.providers.generation import GenerationParameters, Usage

CATALOG = Catalog.read()
PRICED = [
    (model.name, str(price.size), str(price.quality))
    for model in CATALOG.image_models
    if model.provider == "openai"
    for price in model.prices.image
]
BEFORE_ANY_SHUTDOWN = date(2026, 1, 1)


@given(
    priced=st.sampled_from(PRICED), prompt=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400)
)
def test_no_bill_exceeds_its_hold(priced: tuple[str, str, str], prompt: str) -> None:
    name, size, quality = priced
    parameters = GenerationParameters(provider="sandbox", model=name, size=size, quality=quality, output_format="png")
    usage = ImageRequest.model_validate({"model": name, "size": size, "quality": quality, "prompt": prompt}).usage()

    bill = CATALOG.cost(
        name,
        Usage(
            input_text_tokens=usage["input_tokens_details"]["text_tokens"],
            input_image_tokens=usage["input_tokens_details"]["image_tokens"],
            output_tokens=usage["output_tokens"],
        ),
    )

    assert bill is not None
    assert 0 < bill <= CATALOG.quote(parameters, prompt, BEFORE_ANY_SHUTDOWN)


@pytest.mark.parametrize("size", ["1000x1000", "4096x1024", "1024x256", "0x0", "auto", "1024x1024x3"])
def test_an_impossible_size_is_refused(size: str) -> None:
    with pytest.raises(ValidationError):
        ImageRequest(model="gpt-image-2", prompt="a cat", size=size)


def test_a_model_that_was_shut_down_is_unknown() -> None:
    request = ImageRequest(model="gpt-image-1-mini", prompt="a cat")

    request.check_model(date(2026, 11, 30))
    with pytest.raises(WireError) as refused:
        request.check_model(date(2026, 12, 1))
    assert (refused.value.status, refused.value.body["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("content", ["a cat", '{"intent": "x"}', "[]", ""])
def test_text_that_is_not_intent_and_prompt_is_refused(content: str) -> None:
    with pytest.raises(WireError):
        TextRequest(model="gpt-6-luna", input=[{"role": "user", "content": content}]).intent_and_prompt()


@pytest.mark.parametrize("in_parts", [False, True])
def test_intent_and_prompt_are_read_as_they_were_sent(in_parts: bool) -> None:
    sent: Any = json.dumps({"intent": "card", "prompt": 'a "cat"\n🐈'})
    content = [{"type": "input_text", "text": sent}] if in_parts else sent

    request = TextRequest(model="gpt-6-luna", input=[{"role": "user", "content": content}])

    assert request.intent_and_prompt() == ("card", 'a "cat"\n🐈')


def test_the_huge_png_claims_200_megapixels_in_a_small_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)

    with Image.open(io.BytesIO(huge_png())) as picture:
        assert picture.size == (20_000, 10_000)
    assert len(huge_png()) < 10_000
