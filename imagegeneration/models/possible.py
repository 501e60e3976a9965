"""The check of saved options against today's catalog: models are withdrawn, and settings with them."""

from __future__ import annotations

from collections.abc import Container, Sequence

from imagegeneration.core.ids import ProviderName
from imagegeneration.models.criteria import Criteria
from imagegeneration.models.model import ImageModel
from imagegeneration.models.options import Options
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.providers.generation import GenerationParameters


def keep_possible(options: Options, registry: ModelRegistry) -> tuple[Options, Sequence[str]]:
    """Return the options that are still possible, and in words what was given up.

    Settings that the named model, or else the default one, cannot do are given up. LoRAs and references never are.
    """
    given_up: list[str] = []
    if options.model is not None and (why := registry.why_not(options.model)) is not None:
        given_up.append(why)
        options = options.model_copy(update={"model": None, "provider": "auto"})
    if options.provider not in ("auto", *registry.endpoints) and options.model is None:
        given_up.append(f"The provider {options.provider} is not configured any more.")
        options = options.model_copy(update={"provider": "auto"})
    if (kept := _stands_for(options, registry)) is not None:
        fitted, lost = Criteria(options=options).fitting(kept[0], registry.default_of(*kept))
        options = fitted.options
        given_up += lost.values()
    gone = {name: why for name in options.fallback if (why := registry.why_not(name)) is not None}
    if gone:
        given_up += gone.values()
        options = without_fallbacks(options, gone)
    return options, given_up


def without_fallbacks(options: Options, names: Container[str]) -> Options:
    """Return the options without these alternates."""
    return options.model_copy(update={"fallback": tuple(name for name in options.fallback if name not in names)})


def basis(options: Options, registry: ModelRegistry) -> GenerationParameters | None:
    """Return the parameters that the form shows while nothing can be approved, or None without a provider.

    They are of the model that the options stand for, or the default one, with what it can do of the options.
    """
    found = _stands_for(options, registry) or _default(registry)
    if found is None:
        return None
    own = registry.default_of(*found)
    fitted, _ = Criteria(options=options).without_inputs().fitting(found[0], own)
    return fitted.parameters(*found, 1, own)


def _stands_for(options: Options, registry: ModelRegistry) -> tuple[ImageModel, ProviderName] | None:
    """Return the model that the options stand for before any selection, or None.

    It is the named one, or else the default one if it can do what is needed.
    """
    if options.model is not None:
        return registry.find(options.model)
    is_open = options.priority is None and options.provider == "auto" and not options.loras
    default = registry.default
    if default is None or not is_open or registry.why_not(default.model) is not None:
        return None
    model, provider = registry.find(default.model)
    return (model, provider) if model.can_edit(len(options.references)) else None


def _default(registry: ModelRegistry) -> tuple[ImageModel, ProviderName] | None:
    model = None if registry.default is None else registry.catalog.named(registry.default.model)
    provider = None if model is None else registry.provider_of(model)
    return None if model is None or provider is None else (model, provider)
