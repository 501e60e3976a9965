"""The endpoint of a provider: its address, and its credentials."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import SecretStr

from imagegeneration.core.value import Many, Value

ImageField = Literal["quality", "output_format", "background", "response_format"]

DROPPED_BY_OPENAI: tuple[ImageField, ...] = ("response_format",)
"""The fields that OpenAI does not know: it always answers base64."""


class Endpoint(Value):
    """The base URL of a provider's API, and its key, or None if it needs no key.

    `left_out` are fields of OpenAI's images API that this server does not know.
    """

    url: str
    key: SecretStr | None = None
    left_out: Many[ImageField] = DROPPED_BY_OPENAI

    @property
    def sha256(self) -> str:
        """Return the hash by which an approval names its endpoint."""
        return hashlib.sha256(self.url.encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Return a hash that tells address and key from others without revealing them."""
        key = self.key.get_secret_value() if self.key else ""
        return hashlib.sha256(f"{self.url}\n{key}".encode()).hexdigest()[:16]
