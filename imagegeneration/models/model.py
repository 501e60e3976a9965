"""A model of the catalog: its life, its abilities, and its prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Annotated, Self

from pydantic import Field, model_validator

from imagegeneration.assets.asset import OutputFormat
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Micros, Value
from imagegeneration.models.prices import Prices
from imagegeneration.providers.generation import (
    LARGEST_SEED,
    LONGEST_WAIT_SECONDS,
    Background,
    GenerationParameters,
    LoraFamily,
)

ANNOUNCED_DAYS = 30
"""How many days before its last day a model is announced as dying."""


class Bounds(Value):
    """The range of a number that a model takes, from `least` to `most`. `usual` is the default."""

    least: float
    most: float
    usual: float


Size = Annotated[str, Field(pattern=r"^[1-9][0-9]{1,3}x[1-9][0-9]{1,3}$")]
"""Width and height in pixels, as WIDTHxHEIGHT."""


class FreeSizes(Value):
    """Sizes beyond the listed ones: sides are multiples of `step` within the bounds, at most `ratio` to one."""

    step: int = Field(ge=1)
    shortest: int = Field(default=1, ge=1)
    longest: int = Field(ge=1)
    ratio: int = Field(ge=1)
    most_pixels: int | None = None

    def holds(self, width: int, height: int) -> bool:
        """Return whether the size is within these bounds."""
        if width % self.step or height % self.step:
            return False
        if min(width, height) < self.shortest or max(width, height) > self.longest:
            return False
        if self.most_pixels is not None and width * height > self.most_pixels:
            return False
        return Fraction(1, self.ratio) <= Fraction(width, height) <= self.ratio


class Slow(Value):
    """What takes a model longer: these qualities, and more than `pixels`. Such a call has `seconds`."""

    qualities: Many[str] = ()
    pixels: int | None = Field(default=None, ge=1)
    seconds: float = Field(ge=1, le=LONGEST_WAIT_SECONDS)


class ImageModel(Value):
    """A model that makes images, as in `catalog.toml`.

    The sandbox can replace OpenAI as its `provider`. `unavailable` says why the model cannot be used at all.
    `timeout_seconds`, or the seconds of `slow`, bound a call. They are longer than any call takes, so that no paid call
    is cut off. `quality_score` is from 1 to 10, as in "Image Generation v2", section 4.2 D. `references` is how many
    images it edits at once. `takes_mask` is a fact about the model: the studio sends no masks.
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
        """Return whether the model can be called."""
        return self.unavailable is None and (self.shut_down is None or self.shut_down > today)

    def is_dying(self, today: date) -> bool:
        """Return whether the model's last day is within ANNOUNCED_DAYS."""
        return self.is_alive(today) and self.shut_down is not None and (self.shut_down - today).days <= ANNOUNCED_DAYS

    def seconds_for(self, wanted: GenerationParameters) -> float:
        """Return the time-out of a call with these parameters, in seconds."""
        width, height = wanted.pixels
        slow = self.slow
        if slow is None:
            return self.timeout_seconds
        is_large = slow.pixels is not None and width * height > slow.pixels
        return slow.seconds if is_large or wanted.quality in slow.qualities else self.timeout_seconds

    @property
    def longest_seconds(self) -> float:
        """Return the longest time-out of any call, in seconds."""
        return max(self.timeout_seconds, self.slow.seconds if self.slow else 0)

    def usual(self, provider: ProviderName, like: GenerationParameters | None = None) -> GenerationParameters:
        """Return the parameters that the model makes by default, at a known price: as in `like`, as far as it can."""
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
        """Return a seed for each image, counted up from `first`. The least seed follows the largest."""
        span = LARGEST_SEED - self.least_seed + 1
        return [self.least_seed + (first - self.least_seed + index) % span for index in range(image_count)]

    def priced_sizes(self) -> Sequence[str]:
        """Return the listed sizes that have a price."""
        return [size for size in self.sizes if self.priced_qualities(size)]

    def priced_qualities(self, size: str) -> Sequence[str]:
        """Return the qualities that have a price at this size."""
        wanted = (
            GenerationParameters(
                provider=self.provider, model=self.name, size=size, quality=quality, output_format=self.formats[0]
            )
            for quality in self.qualities
        )
        return [one.quality for one in wanted if self.prices.of(one) is not None]

    @property
    def priced_free_sizes(self) -> FreeSizes | None:
        """Return the sizes beyond the listed ones, or None if they have no price."""
        is_priced = self.prices.megapixel is not None or any(price.size is None for price in self.prices.image)
        return self.free_sizes if is_priced else None

    def makes(self, width: int, height: int) -> bool:
        """Return whether the model makes images of this size."""
        return f"{width}x{height}" in self.sizes or bool(self.free_sizes and self.free_sizes.holds(width, height))

    def problems(self, wanted: GenerationParameters) -> Mapping[str, str]:
        """Return the fields of the parameters that the model cannot do, each with the reason in words."""
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

    def can_edit(self, count: int) -> bool:
        """Return whether the model edits this number of images at once, for a known price."""
        has_price = bool(self.prices.image_in * self.prices.reference_tokens)
        return count == 0 or (self.edits and has_price and count <= self.references)

    def takes_fewer_references(self, wanted: GenerationParameters) -> bool:
        """Return whether the model edits images, but fewer than wanted at once."""
        return self.edits and len(wanted.references) > self.references

    def _strangers(self, wanted: GenerationParameters) -> Sequence[str]:
        """Return the families of the LoRAs that are made for other models. A LoRA sent by path has none."""
        families = dict.fromkeys(lora.family for lora in wanted.loras if lora.family is not None)
        return [family for family in families if family != self.lora_family]


class TextModel(Value):
    """A model that writes text. Its prices are for a million tokens."""

    name: str
    text_in: Micros
    text_out: Micros
    source: str
    read_on: date


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
