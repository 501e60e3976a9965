"""Where a provider is reached, and with what."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import SecretStr

from imagegeneration.core.value import Many, Value

ImageField = Literal["quality", "output_format", "background", "response_format"]

DROPPED_BY_OPENAI: tuple[ImageField, ...] = ("response_format",)
"""It answers base64 and nothing else."""


class Endpoint(Value):
    """The base URL of a provider's API and the credentials for it (None: it wants none).

    `left_out` are fields of OpenAI's images API that this server does not know.
    """

    url: str
    key: SecretStr | None = None
    left_out: Many[ImageField] = DROPPED_BY_OPENAI

    @property
    def sha256(self) -> str:
        """The hash by which an approval names the endpoint that it is for."""
        return hashlib.sha256(self.url.encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Tells address and key from others without naming them."""
        key = self.key.get_secret_value() if self.key else ""
        return hashlib.sha256(f"{self.url}\n{key}".encode()).hexdigest()[:16]
