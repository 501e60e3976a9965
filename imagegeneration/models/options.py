"""The options of a request besides the prompt, after the PRD "Image Generation v2"."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from imagegeneration.assets.asset import OutputFormat
from imagegeneration.assets.reference import MAX_REFERENCES
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.text import Described, check_text
from imagegeneration.core.value import Many, Micros, Value
from imagegeneration.models.lora import LoraWish
from imagegeneration.models.model import Size
from imagegeneration.providers.generation import LARGEST_SEED, MAX_LORAS, MAX_PARTIAL_IMAGES, Background

Priority = Literal["speed", "quality", "cost"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)

NEGATIVE_PROMPT_MAX = 1000
RANDOM_SEED = -1

MAX_ALTERNATES = 3
"""Maximum number of alternates of an approval."""

Side = Annotated[int, Field(ge=64, le=4096)]


NegativePrompt = Annotated[
    str, AfterValidator(lambda text: check_text(text, NEGATIVE_PROMPT_MAX)), Described(NEGATIVE_PROMPT_MAX)
]
"""What should not be in the image, in 1 to 1,000 characters."""


def _different(models: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(models)) < len(models):
        raise ValueError("a model is named twice")
    return models


ImageId = Annotated[str, Field(pattern=r"^img_[0-9A-HJKMNP-TV-Z]{26}$")]


def _no_image_twice(ids: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(ids)) < len(ids):
        raise ValueError("must not name an image twice")
    return ids


class Options(Value):
    """The options of a request. An omitted option has the model's default.

    `provider` is a name or `auto`. With `auto`, `priority` decides. `size` is used exactly or refused. Instead of it,
    `width` and `height` together are mapped to the nearest size that the model makes. `seed` -1 is drawn at approval
    and stored. `references` are stored images to edit, in this order. `max_micros_per_image` is the most that an image
    may cost.

    `fallback` names models that may make an image, in this order, if the model before is known not to have charged.
    Each may cost `max_extra_micros` an image more. `partial_images` is the number of previews of each image.
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
        """Raise ValueError if the size is given twice or only in part."""
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height must be given together")
        if self.size is not None and self.width is not None:
            raise ValueError("must have either size, or width and height")
        return self


class OptionsBody(Value):
    """Options, and the most that an image may cost in dollars. The lower of that and `maxMicrosPerImage` counts."""

    options: Options = Options()
    max_cost_per_image: float | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        exclude_if=lambda dollars: dollars is None,
        description="In US dollars, for example 0.05.",
    )

    @property
    def limited_options(self) -> Options:
        """Return the options with the lower limit."""
        if self.max_cost_per_image is None:
            return self.options
        at_most = int(Decimal(str(self.max_cost_per_image)) * 1_000_000)  # rounded down: never above the given limit
        own = self.options.max_micros_per_image
        return self.options.model_copy(update={"max_micros_per_image": at_most if own is None else min(own, at_most)})
