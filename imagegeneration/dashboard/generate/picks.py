"""The choices that the Options panel offers for each parameter, and what each changes, as data. Pure.

Impossible combinations are not offered: every choice here leads to a request that can be approved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagegeneration.dashboard.kit import words
from imagegeneration.models.lora import CollectedLora, LoraWish
from imagegeneration.models.model import Bounds, ImageModel
from imagegeneration.models.options import MAX_ALTERNATES, RANDOM_SEED, Options
from imagegeneration.models.ranking import Candidate
from imagegeneration.money.money import MICROS_PER_USD, format_usd
from imagegeneration.providers.generation import LARGEST_SEED, MAX_PARTIAL_IMAGES, GenerationParameters

OTHER = "Another size"

Changes = Mapping[str, Any]
"""The fields of `Options` that a choice changes."""

_CENT = MICROS_PER_USD // 100


@dataclass(frozen=True)
class Pick:
    """A list of choices, and what each of them changes. `current` is None if something else is in force."""

    name: str
    choices: Mapping[str, Changes]
    current: str | None


@dataclass(frozen=True)
class Number:
    """A field for a number within bounds. `empty` says what an empty field means; without it a number is needed."""

    name: str
    field: str
    least: float
    most: float
    current: float | None
    step: float
    empty: str | None = None

    @property
    def shown(self) -> float | None:
        """Return the current number within the bounds, as the field takes it, or None for an empty field."""
        if self.current is None:
            return None if self.empty is not None else self.least
        return min(max(self.current, self.least), self.most)


def picks(model: ImageModel, request: GenerationParameters, options: Options) -> Iterator[Pick | Number]:
    """Yield the fields of a model, in their order; a list only if it has something to choose."""
    for one in _fields(model, request, options):
        if isinstance(one, Number) or len(one.choices) > 1:
            yield one


def _fields(model: ImageModel, request: GenerationParameters, options: Options) -> Iterator[Pick | Number]:
    yield from _size(model, request, options)
    yield _listed("Quality", "quality", model.priced_qualities(request.size), request.quality)
    is_clear = request.background == "transparent"
    formats = [one for one in model.formats if not (is_clear and one == "jpeg")]
    yield _listed("Format", "output_format", formats, request.output_format, str.upper)
    grounds = [one for one in model.backgrounds if not (one == "transparent" and request.output_format == "jpeg")]
    usual: Mapping[str, Changes] = {"As usual": {"background": None}}
    listed = _listed("Background", "background", grounds, request.background or "")
    yield Pick("Background", {**usual, **listed.choices} if grounds else {}, listed.current or "As usual")
    yield from _seed(model, options)
    yield from _bounded("Steps", "steps", model.steps, request.steps, 1)
    yield from _bounded("Guidance", "guidance", model.guidance, request.guidance, 0.5)
    yield _previews(model, request)


def _listed(name: str, field: str, values: Sequence[str], current: str, word: Any = words.capital) -> Pick:
    choices = {word(value): {field: value} for value in values}
    return Pick(name, choices, word(current) if current in values else None)


def _size(model: ImageModel, request: GenerationParameters, options: Options) -> Iterator[Pick | Number]:
    """Yield one of the sizes with a price, or other sizes where the model makes them.

    If no model is named, the request must not need another model: then the size has a price at the quality chosen.
    """
    free = model.priced_free_sizes
    is_other = free is not None and options.width is not None
    is_free = options.model is not None or options.quality is None
    sizes = [one for one in model.priced_sizes() if is_free or options.quality in model.priced_qualities(one)]
    choices: dict[str, Changes] = {
        words.size(size): {"size": size, "width": None, "height": None}
        for size in dict.fromkeys([*sizes, *([request.size] if free is not None else [])])
    }
    if free is not None:
        width, height = request.pixels
        choices[OTHER] = {"size": None, "width": width, "height": height}
    shown = words.size(request.size)
    yield Pick("Size", choices, OTHER if is_other else shown if shown in choices else None)
    if is_other and free is not None:
        yield Number("Width", "width", 64, 4096, options.width, free.step)
        yield Number("Height", "height", 64, 4096, options.height, free.step)


def _seed(model: ImageModel, options: Options) -> Iterator[Pick | Number]:
    """Yield the choice of no seed, a random one, or a number."""
    if not model.takes_seed:
        return
    choices: Mapping[str, Changes] = {
        "None is sent": {"seed": None},
        "Random: drawn at approval, and kept": {"seed": RANDOM_SEED},
        "A number of your own": {"seed": max(model.least_seed, 1)},
    }
    none, random, own = choices
    kind = {None: none, RANDOM_SEED: random}.get(options.seed, own)
    yield Pick("Seed", choices, kind)
    if kind == own:
        yield Number("Seed number", "seed", model.least_seed, LARGEST_SEED, options.seed, 1)


def _bounded(name: str, field: str, bounds: Bounds | None, current: float | None, step: float) -> Iterator[Number]:
    if bounds is not None:
        label = f"{name}, {bounds.least:g} to {bounds.most:g}"
        yield Number(label, field, bounds.least, bounds.most, current, step, f"as usual: {bounds.usual:g}")


def _previews(model: ImageModel, request: GenerationParameters) -> Pick:
    """Return how often an image is previewed while it is made, and what that costs; the final image is the same."""
    each = model.prices.partial_micros

    def word(count: int) -> str:
        if count == 0:
            return "Not before it is done"
        up_to = "up to " if count > 1 else ""
        return words.capital(f"{up_to}{words.times(count)}, {format_usd(count * each)} more an image")

    counts = range(min(model.partial_images, MAX_PARTIAL_IMAGES) + 1) if each else ()
    choices = {word(count): {"partial_images": count} for count in counts}
    return Pick("Show it while it is made", choices, word(request.partial_images) if choices else None)


def loras_offered(model: ImageModel, collection: Sequence[CollectedLora]) -> Mapping[str, CollectedLora]:
    """Return the LoRAs of the collection that the model takes, by name."""
    return {lora.name: lora for lora in collection if lora.enabled and lora.family == model.lora_family}


def with_lora(chosen: Sequence[LoraWish], row: int, picked: str, weight: float | None) -> Changes:
    """Return what a row of the LoRAs changes: another name gets its default weight, and no name removes the row."""
    found = list(chosen)
    before = found[row] if row < len(found) else None
    if not picked:
        found[row : row + 1] = []
    elif picked != lora_name(before) or before is None:
        found[row : row + 1] = [LoraWish(name=picked)]
    else:
        found[row] = before.model_copy(update={"weight": weight})
    return {"loras": tuple(found)}


def lora_name(wish: LoraWish | None) -> str:
    """Return what a wish names, or an empty text for no wish."""
    return "" if wish is None else wish.name or wish.path or ""


def with_fallback(options: Options, names: Sequence[str], able: Sequence[Candidate], price: int) -> Changes:
    """Return what a choice of alternates changes: it allows the extra that they need, in whole cents."""
    kept = tuple(names)[:MAX_ALTERNATES]
    needed = extra_needed(kept, able, price)
    return {"fallback": kept, "max_extra_micros": max(options.max_extra_micros, needed) if kept else 0}


def extra_needed(names: Sequence[str], able: Sequence[Candidate], price: int) -> int:
    """Return how much more than `price` an image of the dearest of these costs, in micro-dollars and whole cents."""
    prices = [one.price_micros or 0 for one in able if one.model in names]
    return max(-(-(max(prices, default=0) - price) // _CENT) * _CENT, 0)
