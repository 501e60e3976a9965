"""The answer of an API over plain HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from imagegeneration.providers.document import parse_json
from imagegeneration.providers.generation import Json
from imagegeneration.providers.provider import read_whole


@dataclass(frozen=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def read(cls, response: httpx2.Response) -> Reply:
        """Read the answer. Raises CallFailed and httpx2.HTTPError."""
        return cls(response.status_code, response.headers, read_whole(response.iter_bytes()))

    @property
    def document(self) -> Json:
        """Return the JSON object in it, empty if there is none."""
        try:
            found = parse_json(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def may_pass(self) -> bool:
        """Return whether the same question may be answered a little later."""
        return self.status in (408, 429) or self.status >= 500
