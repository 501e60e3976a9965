"""The compatibility of models with LoRAs."""

from __future__ import annotations

from collections.abc import Sequence

from imagegeneration.core.value import Many, Value
from imagegeneration.models.model import ImageModel
from imagegeneration.models.registry import ModelRegistry, not_configured, today
from imagegeneration.providers.generation import Lora


class Compatibility(Value):
    """The models that take these LoRAs, and the reason for each model that does not."""

    compatible: Many[str]
    problems: dict[str, str]


def models_that_take(loras: Sequence[Lora], name: str | None, registry: ModelRegistry) -> Compatibility:
    """Return which living models take the LoRAs, or whether the named one does. Raises ModelUnavailable (IMG_013)."""
    catalog = registry.catalog
    alive = [model for model in catalog.image_models if model.is_alive(today())]
    asked = alive if name is None else [catalog.model(name, today())]
    found = {model.name: _why_not(model, loras, registry) for model in asked}
    return Compatibility(
        compatible=tuple(name for name, problem in found.items() if problem is None),
        problems={name: problem for name, problem in found.items() if problem is not None},
    )


def _why_not(model: ImageModel, loras: Sequence[Lora], registry: ModelRegistry) -> str | None:
    wanted = model.usual(model.provider).model_copy(update={"loras": loras})
    if (problem := model.problems(wanted).get("loras")) is not None:
        return problem
    return None if registry.provider_of(model) else not_configured(model)
