"""The models as data: their lives, what they can do, and their prices; each row says where it comes from.

Everything that is offered, refused or priced comes from here. The rows are in `catalog.toml`; an operator's file
of the same form replaces rows of the same name and adds others. Prices are micro-dollars.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from imagegeneration.assets.asset import OutputFormat
from imagegeneration.core.errors import ConfigurationError, InvalidRequest, ModelUnavailable, TooLarge
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Micros, Value
from imagegeneration.money.money import quoted, tokens_cost
from imagegeneration.providers.generation import (
    LARGEST_SEED,
    LONGEST_WAIT_SECONDS,
    Background,
    GenerationParameters,
    LoraFamily,
    Usage,
)

ROWS = Path(__file__).with_name("catalog.toml")

ANNOUNCED_DAYS = 30
"""How long before its last day a dying model is announced."""

TEMPLATE_TOKENS = 32
"""What a provider may put around a prompt, in tokens: a hold has room for them where text is billed by the token."""

MEGAPIXEL = 1024 * 1024
"""As Fal counts: an image of 1024x1024 is one."""


class Bounds(Value):
    """A number that a model takes: from `least` to `most`, `usual` where nobody asks for another."""

    least: float
    most: float
    usual: float


Size = Annotated[str, Field(pattern=r"^[1-9][0-9]{1,3}x[1-9][0-9]{1,3}$")]
"""Width and height in pixels."""


class FreeSizes(Value):
    """Sizes beyond the listed ones: sides are multiples of `step` within the bounds, at most `ratio` to one."""

    step: int = Field(ge=1)
    shortest: int = Field(default=1, ge=1)
    longest: int = Field(ge=1)
    ratio: int = Field(ge=1)
    most_pixels: int | None = None

    def holds(self, width: int, height: int) -> bool:
        """Whether the model makes this size."""
        if width % self.step or height % self.step:
            return False
        if min(width, height) < self.shortest or max(width, height) > self.longest:
            return False
        if self.most_pixels is not None and width * height > self.most_pixels:
            return False
        return Fraction(1, self.ratio) <= Fraction(width, height) <= self.ratio


class ImagePrice(Value):
    """What an image costs; a size or a quality that is not given stands for all of them."""

    size: str | None = None
    quality: str | None = None
    micros: Micros


class Prices(Value):
    """What a call costs: by the image, by the started megapixel, and by the token (a million tokens).

    `text_out` is for words and thoughts that a model makes beside the image; a quote has room for `text_out_most`
    tokens of them. `reference_tokens` is the most that one image counts as that is given to be edited, and
    `partial_tokens` what one counts as that is shown on the way.
    """

    image: Many[ImagePrice] = ()
    megapixel: Micros | None = None
    text_in: Micros = 0
    image_in: Micros = 0
    image_out: Micros = 0
    text_out: Micros = 0
    text_out_most: Micros = 0
    reference_tokens: Micros = 0
    partial_tokens: Micros = 0
    is_estimate: bool = False

    def of(self, parameters: GenerationParameters) -> int | None:
        """The price of one image; None where there is none."""
        if self.megapixel is not None:
            width, height = parameters.pixels
            return self.megapixel * -(-width * height // MEGAPIXEL)
        for price in self.image:
            if price.size in (None, parameters.size) and price.quality in (None, parameters.quality):
                return price.micros
        return None

    @property
    def partial_micros(self) -> int:
        """What one image on the way costs; 0 where there is no price."""
        return tokens_cost((self.partial_tokens, self.image_out))


class Slow(Value):
    """What a model takes longer for: these qualities, and more than `pixels`. A call for them has `seconds`."""

    qualities: Many[str] = ()
    pixels: int | None = Field(default=None, ge=1)
    seconds: float = Field(ge=1, le=LONGEST_WAIT_SECONDS)


class ImageModel(Value):
    """A model that makes images, as `catalog.toml` has it.

    `provider` makes it; the sandbox stands in for OpenAI's. `unavailable` says why it cannot be had at all.
    `timeout_seconds`, or those of `slow`, bound a call: longer than any call takes, so that no paid one is thrown away.
    `quality_score` is from 1 to 10 (PRD 003, 4.2 D). `references` is how many images it edits at once. `takes_mask`
    is a fact about the model: the studio itself sends no masks.
    """

    name: str = Field(min_length=1, max_length=100)
    provider: ProviderName
    label: str
    shut_down: date | None = None
    successor: str | None = None
    unavailable: str | None = None
    sizes: Many[Size] = ()
    free_sizes: FreeSizes | None = None
    qualities: Many[str] = Field(default=("standard",), min_length=1)
    formats: Many[OutputFormat] = Field(default=("png",), min_length=1)
    backgrounds: Many[Background] = ()
    takes_seed: bool = False
    least_seed: int = 0
    takes_negative_prompt: bool = False
    steps: Bounds | None = None
    guidance: Bounds | None = None
    loras: int = Field(default=0, ge=0)
    lora_family: LoraFamily | None = None
    edits: bool = False
    takes_mask: bool = False
    references: int = Field(default=0, ge=0)
    partial_images: int = Field(default=0, ge=0)
    expected_seconds: float = 15
    timeout_seconds: float = Field(default=600, ge=1, le=LONGEST_WAIT_SECONDS)
    slow: Slow | None = None
    quality_score: int = Field(default=5, ge=1, le=10)
    prices: Prices = Prices()
    source: str
    read_on: date

    @model_validator(mode="after")
    def _makes_something(self) -> Self:
        if not self.sizes and self.is_alive(self.read_on):
            raise ValueError(f"{self.name} has no sizes")
        return self

    def is_alive(self, today: date) -> bool:
        """Whether it can be had."""
        return self.unavailable is None and (self.shut_down is None or self.shut_down > today)

    def is_dying(self, today: date) -> bool:
        """Whether its last day is near enough to be announced."""
        return self.is_alive(today) and self.shut_down is not None and (self.shut_down - today).days <= ANNOUNCED_DAYS

    def seconds_for(self, wanted: GenerationParameters) -> float:
        """How long an answer is waited for."""
        width, height = wanted.pixels
        slow = self.slow
        if slow is None:
            return self.timeout_seconds
        is_large = slow.pixels is not None and width * height > slow.pixels
        return slow.seconds if is_large or wanted.quality in slow.qualities else self.timeout_seconds

    @property
    def longest_seconds(self) -> float:
        """How long any answer is waited for."""
        return max(self.timeout_seconds, self.slow.seconds if self.slow else 0)

    def usual(self, provider: ProviderName, like: GenerationParameters | None = None) -> GenerationParameters:
        """Return what the model makes by default: as in `like` where it can, at a known price."""
        sizes, formats = self.priced_sizes() or self.sizes, self.formats
        size = like.size if like is not None and like.size in sizes else sizes[0]
        qualities = self.priced_qualities(size) or self.qualities
        wanted = ("medium",) if like is None else (like.quality, "medium")
        return GenerationParameters(
            provider=provider,
            model=self.name,
            size=size,
            quality=next((quality for quality in wanted if quality in qualities), qualities[0]),
            output_format=like.output_format if like is not None and like.output_format in formats else formats[0],
        )

    def seeds(self, first: int, image_count: int) -> Sequence[int]:
        """A seed for each image: the first, and those after it; after the largest comes the least."""
        span = LARGEST_SEED - self.least_seed + 1
        return [self.least_seed + (first - self.least_seed + index) % span for index in range(image_count)]

    def priced_sizes(self) -> Sequence[str]:
        """Those of the listed sizes that have a price."""
        return [size for size in self.sizes if self.priced_qualities(size)]

    def priced_qualities(self, size: str) -> Sequence[str]:
        """The qualities that have a price at this size."""
        wanted = (
            GenerationParameters(
                provider=self.provider, model=self.name, size=size, quality=quality, output_format=self.formats[0]
            )
            for quality in self.qualities
        )
        return [one.quality for one in wanted if self.prices.of(one) is not None]

    @property
    def priced_free_sizes(self) -> FreeSizes | None:
        """Sizes beyond the listed ones, if they have a price."""
        is_priced = self.prices.megapixel is not None or any(price.size is None for price in self.prices.image)
        return self.free_sizes if is_priced else None

    def makes(self, width: int, height: int) -> bool:
        """Whether it makes images of this size."""
        return f"{width}x{height}" in self.sizes or bool(self.free_sizes and self.free_sizes.holds(width, height))

    def problems(self, wanted: GenerationParameters) -> Mapping[str, str]:
        """What of the parameters the model cannot do: the field, and why in words. Empty: it can do all of it."""
        clear_jpeg = wanted.background == "transparent" and wanted.output_format == "jpeg"
        checks = (
            ("size", self.makes(*wanted.pixels), f"makes {_listed(self.sizes)}"),
            ("quality", wanted.quality in self.qualities, f"knows {_listed(self.qualities)}"),
            ("outputFormat", wanted.output_format in self.formats, f"answers {_listed(self.formats)}"),
            ("background", wanted.background in (None, *self.backgrounds), "has no choice of this background"),
            ("background", not clear_jpeg, "makes no transparent JPEG"),
            ("seed", wanted.seed is None or self.takes_seed, "takes no seed"),
            ("seed", wanted.seed is None or wanted.seed >= self.least_seed, f"takes seeds from {self.least_seed} on"),
            ("negativePrompt", not wanted.negative_prompt or self.takes_negative_prompt, "takes no negative prompt"),
            ("steps", _within(wanted.steps, self.steps), f"takes {_range(self.steps)}"),
            ("guidance", _within(wanted.guidance, self.guidance), f"takes {_range(self.guidance)}"),
            ("loras", not (strangers := self._strangers(wanted)), f"takes no LoRAs made for {_listed(strangers)}"),
            ("loras", len(wanted.loras) <= self.loras, f"takes {_at_most(self.loras)}"),
            ("references", self.edits or not wanted.references, "edits no images"),
            ("partialImages", wanted.partial_images <= self.partial_images, f"shows {_previews(self.partial_images)}"),
            (
                "references",
                not self.takes_fewer_references(wanted),
                f"edits at most {self.references} images at once",
            ),
        )
        return {field: f"{self.label} {why}." for field, is_possible, why in checks if not is_possible}

    def takes_fewer_references(self, wanted: GenerationParameters) -> bool:
        """Whether the model edits images, but not so many at once."""
        return self.edits and len(wanted.references) > self.references

    def _strangers(self, wanted: GenerationParameters) -> Sequence[str]:
        """The families of LoRAs that are not made for this model; what a LoRA without a name is for, nobody knows."""
        families = dict.fromkeys(lora.family for lora in wanted.loras if lora.family is not None)
        return [family for family in families if family != self.lora_family]


class TextModel(Value):
    """A model that writes text; prices a million tokens."""

    name: str
    text_in: Micros
    text_out: Micros
    source: str
    read_on: date


class Catalog(Value):
    """Every model that the studio knows. `price_table` names the version of the prices; approvals store it."""

    price_table: str
    image_models: Many[ImageModel]
    text_models: Many[TextModel]

    @classmethod
    def read(cls, override: Path | None = None) -> Catalog:
        """The rows of `catalog.toml`, and those of an operator's file over them. Raises ConfigurationError."""
        if override is None:
            return _standard()
        try:
            text = override.read_text()
            rows = tomllib.loads(text)
            changed = cls.model_validate({"price_table": "override", "image_models": [], "text_models": []} | rows)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(f"CATALOG_FILE: {override} cannot be read: {error}.") from None
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            raise ConfigurationError(f"CATALOG_FILE: {where}: {wrong['msg']}.") from None
        return _standard().with_rows_of(changed, hashlib.sha256(text.encode()).hexdigest()[:8])

    def with_rows_of(self, other: Catalog, mark: str) -> Catalog:
        """This catalog with rows of another in the place of its own; `mark` tells its price table apart."""
        images = {model.name: model for model in (*self.image_models, *other.image_models)}
        texts = {model.name: model for model in (*self.text_models, *other.text_models)}
        return Catalog(
            price_table=f"{self.price_table}+{mark}",
            image_models=tuple(images.values()),
            text_models=tuple(texts.values()),
        )

    def named(self, name: str) -> ImageModel | None:
        """The model of this name, alive or not; None for an unknown one."""
        return next((model for model in self.image_models if model.name == name), None)

    def model(self, name: str, today: date) -> ImageModel:
        """The living model called `name`. Raises ModelUnavailable (IMG_013) naming the successor, if there is one."""
        model = self.named(name)
        if model is None:
            raise ModelUnavailable(f"The model {name} is not in the catalog, so it has no price.")
        if model.unavailable is not None:
            raise ModelUnavailable(f"{model.label} cannot be had: {model.unavailable}.")
        if not model.is_alive(today):
            successor = f" Its successor is {model.successor}." if model.successor else ""
            raise ModelUnavailable(f"The model {name} was shut down on {model.shut_down}.{successor}")
        return model

    def why_not(self, name: str, today: date) -> str | None:
        """Why a model cannot be had; None if it can."""
        try:
            self.model(name, today)
        except ModelUnavailable as problem:
            return problem.message
        return None

    def quote(self, parameters: GenerationParameters, final_prompt: str, today: date) -> int:
        """The most one image can cost, in micro-dollars: its price plus the prompt's bytes and TEMPLATE_TOKENS at the
        text price, and the words that the model may make, the most that each reference counts as at the price of images
        that are read, and the images that are shown on the way.

        A token is never shorter than a byte, so the bytes bound the tokens. The sum is rounded up by `quoted`. Raises
        ModelUnavailable (IMG_013) where the catalog has no price: without a price the request is refused.
        """
        model = self.model(parameters.model, today)
        price = model.prices.of(parameters)
        if price is None:
            raise ModelUnavailable(
                f"The catalog has no price for {parameters.model} at {parameters.size}, quality {parameters.quality}."
            )
        if parameters.references and not model.prices.image_in * model.prices.reference_tokens:
            raise ModelUnavailable(f"The catalog has no price for images that {parameters.model} is given to edit.")
        prices = model.prices
        if parameters.partial_images and not prices.partial_micros:  # guard: preview-has-price
            raise ModelUnavailable(f"The catalog has no price for images that {parameters.model} shows on the way.")
        prompt_bytes = len(_prompts(parameters, final_prompt).encode())
        given = len(parameters.references) * prices.reference_tokens
        return quoted(
            price
            + tokens_cost(
                (prompt_bytes + TEMPLATE_TOKENS, prices.text_in),
                (given, prices.image_in),
                (prices.text_out_most, prices.text_out),
                (parameters.partial_images * prices.partial_tokens, prices.image_out),  # guard: preview-in-quote
            )
        )

    def cost(self, name: str, usage: Usage) -> int | None:
        """What a call cost by the provider's own count of tokens, in micro-dollars, rounded up.

        None where its images have no price by the token, its row is gone from the operator's file, or the count is not
        plausible: then the count says nothing, least of all that it was free.
        """
        model = self.named(name)
        if model is None or not model.prices.image_out or usage.implausible:
            return None
        return tokens_cost(
            (usage.input_text_tokens, model.prices.text_in),
            (usage.input_image_tokens, model.prices.image_in),
            (usage.output_tokens, model.prices.image_out),
            (usage.output_text_tokens, model.prices.text_out),
            (usage.undivided_tokens, max(model.prices.text_in, model.prices.image_in)),
        )

    def judged(self, wanted: GenerationParameters, usage: Usage, *, is_edit: bool, most_micros: int) -> Usage:
        """Return the provider's count, marked where it cannot be right: no prompt is empty, no edit reads no image, and
        no image costs less than a tenth of the price of what was asked for, or more than `most_micros`. Without an
        edit, all that was read is text.
        """
        if not is_edit:
            read = usage.input_text_tokens + usage.undivided_tokens
            usage = usage.model_copy(update={"input_text_tokens": read, "undivided_tokens": 0})
        model = self.named(wanted.model)
        prices = Prices() if model is None else model.prices
        price = prices.of(wanted) if prices.image else 0
        if price is None:  # the row has changed since the approval, and lost this price
            price = min(each.micros for each in prices.image)
        images_read = usage.input_image_tokens + usage.undivided_tokens
        is_wrong = (
            usage.input_text_tokens + images_read == 0
            or usage.output_tokens == 0
            or (is_edit and images_read == 0)
            or 10 * tokens_cost((usage.output_tokens, prices.image_out)) < price
        )
        is_absurd = (self.cost(wanted.model, usage) or 0) > most_micros
        return usage.model_copy(update={"implausible": is_wrong or is_absurd})

    def text_cost(self, name: str, input_tokens: int, output_tokens: int) -> int:
        """What an enhancement cost, in micro-dollars, rounded up. Raises ModelUnavailable for an unpriced model."""
        model = next((model for model in self.text_models if model.name == name), None)
        if model is None:
            raise ModelUnavailable(f"The text model {name} is not in the catalog, so it has no price.")
        return tokens_cost((input_tokens, model.text_in), (output_tokens, model.text_out))

    def with_seeds(self, parameters: GenerationParameters, image_count: int) -> GenerationParameters:
        """The parameters of so many images: with a seed for each, as the same seed makes the same image again."""
        model = self.named(parameters.model)
        if model is None or parameters.seed is None or image_count == 1:
            return parameters
        return parameters.model_copy(update={"seeds": tuple(model.seeds(parameters.seed, image_count))})

    def require_possible(self, parameters: GenerationParameters, today: date) -> None:
        """Raise InvalidRequest (IMG_009) naming each field that the model cannot do, ModelUnavailable (IMG_013), or
        TooLarge (IMG_007) for more images to edit than it takes at once.
        """
        model = self.model(parameters.model, today)
        problems = model.problems(parameters)
        words = " ".join(f"{field}: {why}" for field, why in problems.items())
        if model.takes_fewer_references(parameters):
            raise TooLarge(words, resolution="Choose fewer images, or a model that edits more at once.")
        if problems:
            raise InvalidRequest(words)


@cache
def _standard() -> Catalog:
    return Catalog.model_validate(tomllib.loads(ROWS.read_text()))


def _prompts(parameters: GenerationParameters, final_prompt: str) -> str:
    return final_prompt + (parameters.negative_prompt or "")


def _listed(choices: Sequence[str]) -> str:
    return ", ".join(choices)


def _at_most(loras: int) -> str:
    return "no LoRAs" if loras == 0 else f"at most {loras} LoRA{'' if loras == 1 else 's'}"


def _previews(most: int) -> str:
    return f"an image at most {most} times before it is done" if most else "no images before they are done"


def _within(wanted: float | None, bounds: Bounds | None) -> bool:
    return wanted is None or (bounds is not None and bounds.least <= wanted <= bounds.most)


def _range(bounds: Bounds | None) -> str:
    return "no such number" if bounds is None else f"{bounds.least:g} to {bounds.most:g}"
