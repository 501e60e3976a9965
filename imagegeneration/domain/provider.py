"""Where a provider is reached, and with what."""

from __future__ import annotations

import hashlib

from pydantic import SecretStr

from imagegeneration.domain.value import Value


class Endpoint(Value):
    """The base URL of a provider's API and the credentials for it (None: it wants none)."""

    url: str
    key: SecretStr | None = None

    @property
    def sha256(self) -> str:
        """The hash by which an approval names the endpoint that it is for."""
        return hashlib.sha256(self.url.encode()).hexdigest()
