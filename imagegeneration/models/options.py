"""What a person or a program may ask for beside the prompt, and the parameters that a model makes of it (PRD 003)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from imagegeneration.assets.asset import OutputFormat
from imagegeneration.assets.reference import MAX_REFERENCES, Reference
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.text import Described, check_text
from imagegeneration.core.value import Many, Micros, Value
from imagegeneration.jobs.link import Links
from imagegeneration.models.choice import Priority
from imagegeneration.models.lora import LoraWish
from imagegeneration.models.model import ImageModel, Size
from imagegeneration.providers.generation import (
    LARGEST_SEED,
    MAX_LORAS,
    MAX_PARTIAL_IMAGES,
    Background,
    ExecuteBody,
    GenerationParameters,
    Lora,
)

NEGATIVE_PROMPT_MAX = 1000
RANDOM_SEED = -1

MAX_ALTERNATES = 3
"""Models that an approval may name beside the first."""

FITTED: Mapping[str, str] = {
    "size": "size",
    "quality": "quality",
    "outputFormat": "output_format",
    "background": "background",
    "seed": "seed",
    "negativePrompt": "negative_prompt",
    "steps": "steps",
    "guidance": "guidance",
    "partialImages": "partial_images",
}
"""What gives way where a model cannot do it, by its name outside; all else is a need, which no model may lack."""

UNSEEN = Fraction(1, 100)
"""How far proportions may differ without a word: sides are rounded to whole pixels, and sizes to multiples of 16."""

Side = Annotated[int, Field(ge=64, le=4096)]


NegativePrompt = Annotated[
    str, AfterValidator(lambda text: check_text(text, NEGATIVE_PROMPT_MAX)), Described(NEGATIVE_PROMPT_MAX)
]
"""What should not be in the image: 1 to 1,000 characters."""


def _different(models: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(models)) < len(models):
        raise ValueError("a model is named twice")
    return models


class Order(Value):
    """What is approved: what is asked for first, and who may make an image instead that was not charged.

    An alternate costs at most `max_extra_micros` an image more than what is asked for first.
    """

    request: GenerationParameters
    alternates: Many[GenerationParameters] = Field(default=(), max_length=MAX_ALTERNATES)
    max_extra_micros: Micros = 0


ImageId = Annotated[str, Field(pattern=r"^img_[0-9A-HJKMNP-TV-Z]{26}$")]


def _no_image_twice(ids: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(ids)) < len(ids):
        raise ValueError("must not name an image twice")
    return ids


class Named(Value):
    """The things that options name: LoRAs of the collection, and the hashes of stored images.

    `shape` is the width and height of the first image: where no size is asked for, an edit has the size that comes
    nearest to its proportions.
    """

    loras: Many[Lora] = ()
    references: Many[Reference] = ()
    shape: tuple[int, int] | None = None


class Options(Value):
    """Everything that can be chosen; what is not given is the model's usual.

    `provider` is a name or `auto`; with `auto`, `priority` decides. `size` is taken as it is or refused; instead of it,
    `width` and `height` together are mapped to the nearest size that the model makes. `seed` -1 is drawn at approval
    and stored. `references` are stored images that are to be edited, in this order. `max_micros_per_image` is the most
    that an image may cost. `fallback` names models that may make an image instead, in this order, where the one before
    is known not to have charged; each may cost `max_extra_micros` an image more. `partial_images` is how often an image
    is shown while it is made.
    """

    provider: ProviderName | Literal["auto"] = "auto"
    model: str | None = Field(default=None, min_length=1, max_length=100)
    priority: Priority | None = None
    size: Size | None = None
    width: Side | None = None
    height: Side | None = None
    quality: str | None = Field(default=None, pattern=r"^[a-z]{1,20}$")
    output_format: OutputFormat | None = None
    background: Background | None = None
    seed: int | None = Field(default=None, ge=RANDOM_SEED, le=LARGEST_SEED)
    negative_prompt: NegativePrompt | None = None
    steps: int | None = Field(default=None, ge=1, le=200)
    guidance: float | None = Field(default=None, ge=0, le=100)
    loras: Many[LoraWish] = Field(default=(), max_length=MAX_LORAS)
    references: Annotated[Many[ImageId], AfterValidator(_no_image_twice)] = Field(
        default=(), exclude_if=lambda ids: not ids, description=f"At most {MAX_REFERENCES}; more are IMG_007."
    )
    max_micros_per_image: Micros | None = None
    fallback: Annotated[
        Many[Annotated[str, Field(min_length=1, max_length=100)]],
        AfterValidator(_different),
        Field(max_length=MAX_ALTERNATES),
    ] = Field(default=(), exclude_if=lambda models: not models)
    max_extra_micros: Micros = Field(default=0, exclude_if=lambda extra: extra == 0)
    partial_images: int = Field(default=0, ge=0, le=MAX_PARTIAL_IMAGES, exclude_if=lambda count: count == 0)

    @model_validator(mode="after")
    def _one_wish_of_a_size(self) -> Self:
        """Nothing that somebody asked for is passed over in silence."""
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height must be given together")
        if self.size is not None and self.width is not None:
            raise ValueError("must have either size, or width and height")
        return self

    def parameters(
        self,
        model: ImageModel,
        provider: ProviderName,
        drawn_seed: int,
        usual: GenerationParameters | None = None,
        named: Named | None = None,
    ) -> GenerationParameters:
        """The parameters of a call of `model`; `drawn_seed` is used where a random one is asked for.

        `usual` is what the model makes by default (None: as the catalog has it). `named` are the LoRAs and
        references that were asked for, as they were found: ValueError if they are others.
        """
        named = named or Named()
        if tuple(reference.image_id for reference in named.references) != self.references:
            raise ValueError("the references are not those that were asked for")
        if len(named.loras) != len(self.loras):
            raise ValueError("the LoRAs are not those that were asked for")
        usual = usual or model.usual(provider)
        size = self._size(model, usual.size, self.quality or usual.quality, named.shape)
        return GenerationParameters(
            provider=provider,
            model=model.name,
            size=size,
            quality=self.quality or _usual_quality(model, size, usual.quality),
            output_format=self.output_format or usual.output_format,
            background=self.background,
            seed=drawn_seed if self.seed == RANDOM_SEED else self.seed,
            negative_prompt=self.negative_prompt,
            steps=self.steps,
            guidance=self.guidance,
            loras=named.loras,
            references=named.references,
            partial_images=self.partial_images,
        )

    def fitting(self, model: ImageModel, usual: GenerationParameters) -> tuple[Options, Mapping[str, str]]:
        """Return these options without what the model cannot do, and why in words, by field.

        A size that it does not make, or not for a known price, becomes the nearest of those that have one; a quality
        without a price at that size is not asked for. `usual` is what the model makes by default.
        """
        plain = self.model_copy(update={"references": (), "loras": ()})
        asked = plain.parameters(model, usual.provider, LARGEST_SEED, usual)
        lost = {field: why for field, why in model.problems(asked).items() if field in FITTED}
        changes: dict[str, object] = {FITTED[field]: Options.model_fields[FITTED[field]].default for field in lost}
        priced = model.priced_sizes()
        if priced and not (model.makes(*asked.pixels) and model.priced_qualities(asked.size)):
            size = _nearest(priced, *asked.pixels)
            lost["size"] = f"{model.label} makes {size}, which is the nearest to {asked.size}."
            changes |= {"size": size, "width": None, "height": None}
        fitted = plain.model_copy(update=changes).parameters(model, usual.provider, LARGEST_SEED, usual)
        qualities = model.priced_qualities(fitted.size)
        if qualities and fitted.quality not in qualities:
            changes["quality"] = None
            lost["quality"] = f"{model.label} has no price for {fitted.size} at {fitted.quality} quality."
        return self.model_copy(update=changes), lost

    def lost_proportions(self, label: str, made: GenerationParameters, named: Named) -> str | None:
        """Return in words how an edit's proportions differ from its first image's, or None if they do not.

        A size that was asked for is nothing to speak of. `label` names the model.
        """
        if named.shape is None or self.size is not None or self.width is not None:
            return None
        (width, height), (own_width, own_height) = made.pixels, named.shape
        if abs(Fraction(width * own_height, height * own_width) - 1) <= UNSEEN:
            return None
        return f"{label} makes {made.size}, which is the nearest to the first image's {own_width}x{own_height}."

    def _size(self, model: ImageModel, usual: str, quality: str, shape: tuple[int, int] | None) -> str:
        if self.size is not None:
            return self.size
        if self.width is not None and self.height is not None:
            return nearest_size(model, self.width, self.height)
        if shape is None:
            return usual
        priced = model.priced_sizes()
        return _nearest([one for one in priced if quality in model.priced_qualities(one)] or priced or [usual], *shape)


class Bounded(Value):
    """Options, and the most that an image may cost in dollars; of that and `maxMicrosPerImage` the lower counts."""

    options: Options = Options()
    max_cost_per_image: float | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        exclude_if=lambda dollars: dollars is None,
        description="In US dollars, for example 0.05.",
    )

    @property
    def bounded(self) -> Options:
        """The options with the lower limit."""
        if self.max_cost_per_image is None:
            return self.options
        at_most = int(Decimal(str(self.max_cost_per_image)) * 1_000_000)  # rounded down: never more than was said
        own = self.options.max_micros_per_image
        return self.options.model_copy(update={"max_micros_per_image": at_most if own is None else min(own, at_most)})


class GenerateBody(Bounded, ExecuteBody):
    """Body of POST /image/generate: what a person or a program approves, with a choice of model and parameters.

    `links` name what of the caller's own the images are for; they are kept with the job, searched for, and sent to
    nobody.
    """

    links: Links = Field(default=(), exclude_if=lambda links: not links)


def _usual_quality(model: ImageModel, size: str, usual: str) -> str:
    """The usual quality, or the first that has a price at this size."""
    qualities = model.priced_qualities(size)
    return usual if usual in qualities or not qualities else qualities[0]


def nearest_size(model: ImageModel, width: int, height: int) -> str:
    """The size that the model makes of a wish: exactly this, or of those listed the nearest in shape, then in area."""
    if model.makes(width, height):
        return f"{width}x{height}"

    return _nearest(model.sizes, width, height)


def _nearest(sizes: Sequence[str], width: int, height: int) -> str:
    def distance(size: str) -> tuple[float, int]:
        wide, high = map(int, size.split("x"))
        return abs(math.log(wide / high) - math.log(width / height)), abs(wide * high - width * height)

    return min(sizes, key=distance)
