"""Requests as hypothesis draws them."""

from __future__ import annotations

from hypothesis import strategies as st

from imagegeneration.models.catalog import Catalog
from imagegeneration.models.model import Bounds, ImageModel
from imagegeneration.providers.generation import GenerationRequest, Lora

CATALOG = Catalog.read()

PROMPTS = st.text(min_size=1) | st.sampled_from(
    [
        '"}], "seed": 7, "x": "',
        "\\u0000 \\n",
        "a\r\nx-fal-no-retry: 0\r\n\r\n",
        "\u202egnp.exe",
        "😀" * 50,
        "{{prompt}} %s",
    ]
)


def row(name: str) -> ImageModel:
    """What the catalog says of the model."""
    found = CATALOG.named(name)
    assert found is not None
    return found


def whole(bounds: Bounds | None) -> st.SearchStrategy[int | None]:
    """A whole number that a model takes, or none."""
    return st.none() if bounds is None else st.none() | st.integers(int(bounds.least), int(bounds.most))


def number(bounds: Bounds | None) -> st.SearchStrategy[float | None]:
    """A number that a model takes, or none."""
    return st.none() if bounds is None else st.none() | st.floats(bounds.least, bounds.most)


LORAS = st.builds(Lora, path=st.text(min_size=1, max_size=500), weight=st.floats(0, 2))


def image_request(**changes: object) -> GenerationRequest:
    """A request for a square PNG, of Fal's simplest app unless changed."""
    fields: dict[str, object] = {
        "provider": "fal",
        "model": "fal-ai/flux/dev",
        "size": "1024x1024",
        "quality": "standard",
        "output_format": "png",
        "final_prompt": "a kite",
    }
    return GenerationRequest.model_validate(fields | changes)
