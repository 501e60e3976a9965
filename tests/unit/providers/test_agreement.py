"""What the catalog calls possible, the vendor files can send: for every living model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegeneration.domain.catalog import Bounds, Catalog, ImageModel
from imagegeneration.domain.generation import GenerationRequest, Lora
from imagegeneration.domain.options import LARGEST_SEED, Options
from imagegeneration.providers import PROVIDERS
from imagegeneration.providers.fal import fal_payload
from imagegeneration.providers.forge import forge_payload
from imagegeneration.providers.google import google_payload
from imagegeneration.providers.openai import image_payload
from imagegeneration.providers.replicate import replicate_input
from imagegeneration.providers.stability import stability_payload

TODAY = date(2026, 11, 21)
ALIVE = [model for model in Catalog.read().image_models if model.is_alive(TODAY)]
PAYLOADS: Mapping[str, Callable[[GenerationRequest], Mapping[str, Any]]] = {
    "fal": fal_payload,
    "forge": forge_payload,
    "google": google_payload,
    "openai": image_payload,
    "replicate": replicate_input,
    "stability": stability_payload,
}


def number(bounds: Bounds | None) -> st.SearchStrategy[float | None]:
    return st.none() if bounds is None else st.none() | st.floats(bounds.least, bounds.most)


def wishes(model: ImageModel) -> st.SearchStrategy[dict[str, Any]]:
    """Everything that the catalog lets a person ask of the model, and some that it does not."""
    return st.fixed_dictionaries(
        {
            "size": st.sampled_from([*model.sizes, "512x512", "1000x1000", "1536x768"]),
            "quality": st.sampled_from(model.qualities),
            "output_format": st.sampled_from(["png", "jpeg", "webp"]),
            "background": st.sampled_from([None, "auto", "opaque", "transparent"]),
            "seed": st.none() | st.integers(-1, LARGEST_SEED),
            "negative_prompt": st.none() | st.just("fog"),
            "steps": st.none() | st.integers(1, 60),
            "guidance": number(model.guidance),
            "loras": st.lists(st.just({"path": "owner/name", "weight": 1.5}), max_size=5),
        }
    )


@pytest.mark.parametrize("model", ALIVE, ids=lambda model: model.name)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_the_catalog_allows_the_vendor_file_sends(model: ImageModel, data: st.DataObject) -> None:
    options = Options.model_validate(data.draw(wishes(model)))
    loras = (Lora(path="owner/name", weight=1.5, name="ink", family=model.lora_family),) * len(options.loras)
    parameters = options.parameters(model, model.provider, drawn_seed=7, loras=loras)
    if model.problems(parameters):
        return
    request = GenerationRequest(final_prompt=" a red kite\n", **parameters.model_dump())
    payload = PAYLOADS[model.provider](request)
    assert " a red kite\n" in str(payload.get("prompt", payload)).replace("\\n", "\n")


def test_every_provider_has_its_line_in_the_table_and_its_payload_here() -> None:
    assert set(PAYLOADS) | {"sandbox"} == set(PROVIDERS)
    assert {model.provider for model in ALIVE} <= set(PROVIDERS)
