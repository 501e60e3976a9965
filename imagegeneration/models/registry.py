"""The registry of the callable models: their providers, default parameters, prices and endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from imagegeneration.core.errors import ProviderNotConfigured
from imagegeneration.core.ids import ProviderName
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.model import ImageModel
from imagegeneration.models.plan import GenerationPlan
from imagegeneration.providers.generation import GenerationParameters


@dataclass(frozen=True)
class ModelRegistry:
    """The catalog with the configuration of this installation.

    `default` is what version 1 makes, or None without a provider. `endpoints` has the hash of each configured
    provider's endpoint.
    """

    catalog: Catalog
    default: GenerationParameters | None
    endpoints: Mapping[ProviderName, str]

    def require_default(self) -> GenerationParameters:
        """Return the default parameters. Raises ProviderNotConfigured (IMG_001) without a provider."""
        if self.default is None:
            raise ProviderNotConfigured("No image provider is configured, so no job can be accepted.")
        return self.default

    def provider_of(self, model: ImageModel) -> ProviderName | None:
        """Return the configured provider of a model, or None if there is none. The sandbox can replace OpenAI."""
        stand_in = "sandbox" if model.provider == "openai" and "openai" not in self.endpoints else model.provider
        return stand_in if stand_in in self.endpoints else None

    def endpoint(self, provider: ProviderName) -> str:
        """Return the hash of the provider's endpoint. Raises ProviderNotConfigured (IMG_001)."""
        if provider not in self.endpoints:
            raise ProviderNotConfigured(f"The provider {provider} is not configured.")
        return self.endpoints[provider]

    def default_of(self, model: ImageModel, provider: ProviderName) -> GenerationParameters:
        """Return the model's default parameters here: as configured, as far as the model can."""
        configured = self.default
        return configured if configured and configured.model == model.name else model.usual(provider, configured)

    def callable_models(self) -> Iterator[tuple[ImageModel, ProviderName]]:
        """Yield every living model of a configured provider, with that provider."""
        for model in self.catalog.image_models:
            provider = self.provider_of(model)
            if provider is not None and model.is_alive(today()):
                yield model, provider

    def find(self, name: str) -> tuple[ImageModel, ProviderName]:
        """Return the model of this name with its provider.

        Raises ModelUnavailable (IMG_013), or ProviderNotConfigured (IMG_001).
        """
        model = self.model(name)
        provider = self.provider_of(model)
        if provider is None:
            raise ProviderNotConfigured(not_configured(model))
        return model, provider

    def model(self, name: str) -> ImageModel:
        """Return the living model of this name, whatever its provider. Raises ModelUnavailable (IMG_013)."""
        return self.catalog.model(name, today())

    def why_not(self, name: str) -> str | None:
        """Return why a model cannot be called, in words, or None if it can."""
        model = self.catalog.named(name)
        if model is not None and model.is_alive(today()) and self.provider_of(model) is None:
            return not_configured(model)
        return self.catalog.why_not(name, today())

    def label_of(self, name: str) -> str:
        """Return a model's name for users."""
        model = self.catalog.named(name)
        return name if model is None else model.label

    def price_of(self, request: GenerationParameters, final_prompt: str) -> int:
        """Return the most that one image costs, in micro-dollars. Raises ModelUnavailable (IMG_013)."""
        return self.catalog.quote(request, final_prompt, today())

    def require_possible(self, request: GenerationParameters) -> None:
        """Raise what `Catalog.require_possible` raises for what the model cannot do."""
        self.catalog.require_possible(request, today())

    def with_seeds(self, plan: GenerationPlan, image_count: int) -> GenerationPlan:
        """Return the plan with a seed for each image, on every route."""
        request, *alternates = (self.catalog.with_seeds(route, image_count) for route in plan.routes)
        return plan.model_copy(update={"request": request, "alternates": tuple(alternates)})


def today() -> date:
    """Return the UTC date by which models live and die."""
    return datetime.now(UTC).date()


def not_configured(model: ImageModel) -> str:
    """Return in words that no configured provider makes the model."""
    return f"The provider {model.provider}, which makes {model.label}, is not configured."
