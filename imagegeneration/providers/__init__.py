"""The providers: one file a vendor, and the table of them.

A vendor file is a pure payload, one call, and a pure parse. The sandbox speaks OpenAI's wire format, so
that the very same code runs with and without a key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from imagegeneration.domain.generation import ProviderName
from imagegeneration.domain.provider import Endpoint
from imagegeneration.providers.fal import FalProvider
from imagegeneration.providers.forge import ForgeProvider
from imagegeneration.providers.openai import OpenAIProvider
from imagegeneration.providers.provider import Provider, ResumableProvider, StreamingProvider
from imagegeneration.providers.replicate import ReplicateProvider
from imagegeneration.providers.stability import StabilityProvider
from imagegeneration.settings import Settings

__all__ = ["PROVIDERS", "OpenAIProvider", "Provider", "ResumableProvider", "StreamingProvider", "build_providers"]


def _google(endpoint: Endpoint, timeout_seconds: float) -> Provider:
    from imagegeneration.providers.google import GoogleProvider  # noqa: PLC0415 - 31 MB that only Google's users need

    return GoogleProvider(endpoint, timeout_seconds)


PROVIDERS: Mapping[ProviderName, Callable[[Endpoint, float], Provider]] = {
    "fal": FalProvider,
    "forge": ForgeProvider,
    "google": _google,
    "openai": OpenAIProvider,
    "replicate": ReplicateProvider,
    "sandbox": OpenAIProvider,
    "stability": StabilityProvider,
}


def build_providers(settings: Settings) -> Mapping[ProviderName, Provider]:
    """Every provider that is configured; a name that the table does not have is a server that speaks OpenAI's."""
    return {
        name: PROVIDERS.get(name, OpenAIProvider)(endpoint, settings.provider_timeout_seconds)
        for name, endpoint in settings.endpoints.items()
    }
