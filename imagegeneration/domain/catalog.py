"""The models, their lives and their prices; each row says where it comes from and when it was read.

Everything that is offered, refused or priced comes from here. Prices are micro-dollars: an image, or a
million tokens. Source of the OpenAI rows: PROVIDERS.md of 2026-11-20, there from secondary sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from imagegeneration.domain.generation import GenerationParameters, Usage
from imagegeneration.domain.money import tokens_cost
from imagegeneration.errors import ModelUnavailable

PRICE_TABLE = "2026-11-20"
"""Version of the prices below; stored with every approval."""

SQUARE = "1024x1024"
WIDE = "1536x1024"
TALL = "1024x1536"


@dataclass(frozen=True)
class ImageModel:
    """A model that makes images. `image_prices` is keyed by (size, quality)."""

    name: str
    text_in: int = 5_000_000
    image_in: int = 8_000_000
    image_out: int = 30_000_000
    image_prices: Mapping[tuple[str, str], int] = field(default_factory=dict)
    estimated: bool = False
    shut_down: date | None = None
    successor: str | None = None
    source: str = "PROVIDERS.md, secondary"
    read_on: date = date(2026, 11, 20)


@dataclass(frozen=True)
class TextModel:
    """A model that writes text; prices a million tokens."""

    name: str
    text_in: int
    text_out: int
    source: str = "PROVIDERS.md, secondary"
    read_on: date = date(2026, 11, 20)


_QUALITIES_25 = ("low", "medium", "high", "xhigh", "max")
_SQUARE_25 = dict(zip(_QUALITIES_25, (5_900, 13_200, 52_700, 93_700, 210_700), strict=True))
_OBLONG_25 = dict(zip(_QUALITIES_25, (4_700, 10_300, 41_200, 73_800, 164_600), strict=True))
_PRICES_25 = {
    (size, quality): price
    for size, prices in ((SQUARE, _SQUARE_25), (WIDE, _OBLONG_25), (TALL, _OBLONG_25))
    for quality, price in prices.items()
}
_PRICES_26 = {(size, quality): price for (size, quality), price in _PRICES_25.items() if quality in _QUALITIES_25[:3]}
_PRICES_2 = {(SQUARE, "low"): 6_000, (SQUARE, "medium"): 53_000, (SQUARE, "high"): 211_000}

IMAGE_MODELS: Mapping[str, ImageModel] = {
    model.name: model
    for model in (
        ImageModel("gpt-image-2.5-flare", image_prices=_PRICES_25),
        ImageModel("gpt-image-2.5-sunburst", image_prices=_PRICES_25),
        ImageModel("gpt-image-2.6-flare"),
        ImageModel("gpt-image-2.6-sunburst", image_prices=_PRICES_26, estimated=True),
        ImageModel("gpt-image-2", image_prices=_PRICES_2),
        ImageModel("gpt-image-1.5", shut_down=date(2026, 12, 1), successor="gpt-image-2.5-flare"),
        ImageModel("gpt-image-1-mini", shut_down=date(2026, 12, 1), successor="gpt-image-2.5-flare"),
        ImageModel("gpt-image-1", shut_down=date(2026, 10, 23), successor="gpt-image-2.5-flare"),
        ImageModel("dall-e-3", shut_down=date(2026, 5, 12), successor="gpt-image-2.5-flare"),
        ImageModel("dall-e-2", shut_down=date(2026, 5, 12), successor="gpt-image-2.5-flare"),
    )
}

TEXT_MODELS: Mapping[str, TextModel] = {
    model.name: model for model in (TextModel("gpt-6-luna", text_in=100_000, text_out=500_000),)
}


def image_model(name: str, today: date) -> ImageModel:
    """The living model called `name`. Raises ModelUnavailable (IMG_013) naming the successor, if there is one."""
    model = IMAGE_MODELS.get(name)
    if model is None:
        raise ModelUnavailable(f"The model {name} is not in the catalog, so it has no price.")
    if model.shut_down is not None and model.shut_down <= today:
        raise ModelUnavailable(
            f"The model {name} was shut down on {model.shut_down}. Its successor is {model.successor}."
        )
    return model


def quote_image(parameters: GenerationParameters, final_prompt: str, today: date) -> int:
    """The most one image can cost, in micro-dollars: its price plus the prompt's bytes at the text price.

    A token is never shorter than a byte, so the bytes bound the tokens. Raises ModelUnavailable (IMG_013)
    where the catalog has no price: without a price the request is refused (DESIGN.md, section 1).
    """
    model = image_model(parameters.model, today)
    price = model.image_prices.get((parameters.size, parameters.quality))
    if price is None:
        raise ModelUnavailable(
            f"The catalog has no price for {parameters.model} at {parameters.size}, quality {parameters.quality}."
        )
    return price + tokens_cost((len(final_prompt.encode()), model.text_in))


def image_cost(name: str, usage: Usage) -> int:
    """What a call cost by the provider's own count of tokens, in micro-dollars, rounded up."""
    model = IMAGE_MODELS[name]
    return tokens_cost(
        (usage.input_text_tokens, model.text_in),
        (usage.input_image_tokens, model.image_in),
        (usage.output_tokens, model.image_out),
    )


def text_cost(name: str, input_tokens: int, output_tokens: int) -> int:
    """What an enhancement cost, in micro-dollars, rounded up. Raises ModelUnavailable for a model without a price."""
    model = TEXT_MODELS.get(name)
    if model is None:
        raise ModelUnavailable(f"The text model {name} is not in the catalog, so it has no price.")
    return tokens_cost((input_tokens, model.text_in), (output_tokens, model.text_out))
