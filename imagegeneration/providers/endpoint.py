"""Where a provider is reached, and with what."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import Field, SecretStr

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Micros, Value

ImageField = Literal["quality", "output_format", "background", "response_format"]

DROPPED_BY_OPENAI: tuple[ImageField, ...] = ("response_format",)
"""It answers base64 and nothing else."""

MAX_PER_MINUTE = 1_000
"""Of this many calls the starts are remembered one by one, so that a rate is kept exactly."""


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


class ProviderLimits(Value):
    """What a provider may be asked for by all runners together: calls at once, calls begun in any minute, and money a
    UTC day. None: no limit of its own.
    """

    provider: ProviderName
    concurrency: int | None = Field(default=None, ge=1, le=256)
    per_minute: int | None = Field(default=None, ge=1, le=MAX_PER_MINUTE)
    daily_micros: Micros | None = None

    @property
    def is_paced(self) -> bool:
        """Whether a call may have to wait for others."""
        return self.concurrency is not None or self.per_minute is not None
