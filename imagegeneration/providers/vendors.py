"""The table of vendors: one file each.

A vendor file is a pure payload, one call, and a pure parse. The sandbox speaks OpenAI's wire format, so that the very
same code runs with and without a key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from imagegeneration.core.ids import ProviderName
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.fal import FalProvider
from imagegeneration.providers.forge import ForgeProvider
from imagegeneration.providers.openai import OpenAIProvider
from imagegeneration.providers.provider import Provider
from imagegeneration.providers.replicate import ReplicateProvider
from imagegeneration.providers.stability import StabilityProvider


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


def build_providers(
    endpoints: Mapping[ProviderName, Endpoint], timeout_seconds: float
) -> Mapping[ProviderName, Provider]:
    """Return a provider for each endpoint. A name that is not in the table is a server with OpenAI's API."""
    return {
        name: PROVIDERS.get(name, OpenAIProvider)(endpoint, timeout_seconds) for name, endpoint in endpoints.items()
    }
