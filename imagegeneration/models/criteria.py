"""The criteria of a request, and the parameters that each model makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from imagegeneration.assets.reference import Reference
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Value
from imagegeneration.models.model import ImageModel
from imagegeneration.models.options import RANDOM_SEED, Options
from imagegeneration.providers.generation import LARGEST_SEED, GenerationParameters, Lora

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
"""The fields that are given up if a model cannot do them, by their name in the API. All others are needs."""

UNSEEN = Fraction(1, 100)
"""Maximum difference of proportions that is not mentioned: sides are rounded to pixels, sizes to multiples of 16."""


class Criteria(Value):
    """The options and the prompt, with the LoRAs and references that the options name, as they were found.

    `shape` is the width and height of the first image. Without a requested size, an edit has the size nearest to its
    proportions.
    """

    options: Options = Options()
    final_prompt: str = ""
    loras: Many[Lora] = ()
    references: Many[Reference] = ()
    shape: tuple[int, int] | None = None

    def asking(self, **changes: object) -> Criteria:
        """Return the criteria with other options."""
        return self.model_copy(update={"options": self.options.model_copy(update=changes)})

    def without_inputs(self) -> Criteria:
        """Return the criteria without LoRAs and references."""
        return Criteria(
            options=self.options.model_copy(update={"loras": (), "references": ()}), final_prompt=self.final_prompt
        )

    def parameters(
        self,
        model: ImageModel,
        provider: ProviderName,
        drawn_seed: int,
        usual: GenerationParameters | None = None,
    ) -> GenerationParameters:
        """Return the parameters of a call of `model`. `drawn_seed` is used if a random one is requested.

        `usual` is what the model makes by default, or None for the catalog's default. Raises ValueError if the LoRAs or
        references are not those that the options name.
        """
        options = self.options
        if tuple(reference.image_id for reference in self.references) != options.references:
            raise ValueError("the references are not those that were asked for")
        if len(self.loras) != len(options.loras):
            raise ValueError("the LoRAs are not those that were asked for")
        usual = usual or model.usual(provider)
        size = self._size(model, usual.size, options.quality or usual.quality)
        return GenerationParameters(
            provider=provider,
            model=model.name,
            size=size,
            quality=options.quality or _usual_quality(model, size, usual.quality),
            output_format=options.output_format or usual.output_format,
            background=options.background,
            seed=drawn_seed if options.seed == RANDOM_SEED else options.seed,
            negative_prompt=options.negative_prompt,
            steps=options.steps,
            guidance=options.guidance,
            loras=self.loras,
            references=self.references,
            partial_images=options.partial_images,
        )

    def fitting(self, model: ImageModel, usual: GenerationParameters) -> tuple[Criteria, Mapping[str, str]]:
        """Return the criteria without what the model cannot do, and the reason for each field, in words.

        A size that the model does not make, or not for a known price, becomes the nearest priced size. A quality
        without a price at that size is dropped. `usual` is what the model makes by default.
        """
        plain = self.without_inputs()
        asked = plain.parameters(model, usual.provider, LARGEST_SEED, usual)
        lost = {field: why for field, why in model.problems(asked).items() if field in FITTED}
        changes: dict[str, object] = {FITTED[field]: Options.model_fields[FITTED[field]].default for field in lost}
        priced = model.priced_sizes()
        if priced and not (model.makes(*asked.pixels) and model.priced_qualities(asked.size)):
            size = _nearest(priced, *asked.pixels)
            lost["size"] = f"{model.label} makes {size}, which is the nearest to {asked.size}."
            changes |= {"size": size, "width": None, "height": None}
        fitted = plain.asking(**changes).parameters(model, usual.provider, LARGEST_SEED, usual)
        qualities = model.priced_qualities(fitted.size)
        if qualities and fitted.quality not in qualities:
            changes["quality"] = None
            lost["quality"] = f"{model.label} has no price for {fitted.size} at {fitted.quality} quality."
        return self.asking(**changes), lost

    def lost_proportions(self, label: str, made: GenerationParameters) -> str | None:
        """Return in words how an edit's proportions differ from its first image's, or None if they do not.

        For a requested size, return None. `label` names the model.
        """
        if self.shape is None or self.options.size is not None or self.options.width is not None:
            return None
        (width, height), (own_width, own_height) = made.pixels, self.shape
        if abs(Fraction(width * own_height, height * own_width) - 1) <= UNSEEN:
            return None
        return f"{label} makes {made.size}, which is the nearest to the first image's {own_width}x{own_height}."

    def _size(self, model: ImageModel, usual: str, quality: str) -> str:
        options = self.options
        if options.size is not None:
            return options.size
        if options.width is not None and options.height is not None:
            return nearest_size(model, options.width, options.height)
        if self.shape is None:
            return usual
        priced = model.priced_sizes()
        at_quality = [one for one in priced if quality in model.priced_qualities(one)]
        return _nearest(at_quality or priced or [usual], *self.shape)


def _usual_quality(model: ImageModel, size: str, usual: str) -> str:
    """Return the usual quality, or the first that has a price at this size."""
    qualities = model.priced_qualities(size)
    return usual if usual in qualities or not qualities else qualities[0]


def nearest_size(model: ImageModel, width: int, height: int) -> str:
    """Return the size that the model makes for these sides.

    It is exactly this size if the model makes it, else the listed size nearest in shape, then in area.
    """
    return f"{width}x{height}" if model.makes(width, height) else _nearest(model.sizes, width, height)


def _nearest(sizes: Sequence[str], width: int, height: int) -> str:
    def distance(size: str) -> tuple[float, int]:
        wide, high = map(int, size.split("x"))
        return abs(math.log(wide / high) - math.log(width / height)), abs(wide * high - width * height)

    return min(sizes, key=distance)
