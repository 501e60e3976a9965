"""The providers: one file a vendor, and the table of them.

A vendor file is a pure payload, one call, and a pure parse. The sandbox speaks OpenAI's wire format, so
that the very same code runs with and without a key.
"""

from __future__ import annotations

from imagegeneration.providers.openai import OpenAIProvider
from imagegeneration.settings import Settings

__all__ = ["PROVIDERS", "OpenAIProvider", "build_provider"]

PROVIDERS = {"openai": OpenAIProvider, "sandbox": OpenAIProvider}


def build_provider(settings: Settings) -> OpenAIProvider | None:
    """The configured provider, or None where there are no credentials."""
    if settings.provider is None:
        return None
    real_key = settings.openai_api_key if settings.provider == "openai" else None
    key = real_key.get_secret_value() if real_key else "none"  # servers that speak the same API may want no key
    return PROVIDERS[settings.provider](settings.provider_url, key, settings.provider_timeout_seconds)
