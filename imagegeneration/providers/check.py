"""The active check of a provider: one GET that is free, and what its answer says about the account.

The check has no retries, redirects or keep-alive, and is independent of the environment, just as a paid call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import CallFailed, Json
from imagegeneration.providers.health import Checked
from imagegeneration.providers.provider import brief, unreachable
from imagegeneration.providers.refusal import words_of
from imagegeneration.providers.reply import Reply
from imagegeneration.providers.wire import Wire

CHECK_SECONDS = 10.0

REFUSED = (401, 402, 403)
_NARROW_KEY = "missing scopes"
"""OpenAI's words for a key that may make images but may not list models."""


@dataclass(frozen=True)
class Told:
    """A provider's answer to the check."""

    status: int
    document: Json

    @property
    def words(self) -> str:
        """Return the provider's own words for the error, or else the status."""
        said = words_of(self.document)
        return f"HTTP {self.status}" if said is None else brief(said)


def key_of(endpoint: Endpoint) -> str:
    """Return the key as a header has it."""
    return endpoint.key.get_secret_value() if endpoint.key else "none"


def ask(endpoint: Endpoint, path: str, headers: Mapping[str, str]) -> Told:
    """Ask a question that is free. Raises CallFailed if no answer came within CHECK_SECONDS."""
    try:
        with (
            httpx2.Client(transport=Wire(), timeout=CHECK_SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", f"{endpoint.url}{path}", headers=headers) as response,
        ):
            reply = Reply.read(response)
    except httpx2.HTTPError as error:
        raise unreachable(error) from error
    return Told(reply.status, reply.document)


def check_account(endpoint: Endpoint, path: str, headers: Mapping[str, str]) -> Checked:
    """Ask for a resource of the account, and judge the answer by its status."""
    try:
        return judged(ask(endpoint, path, headers))
    except CallFailed as failure:
        return Checked(status="unreachable", problem=failure.message)


def judged(told: Told) -> Checked:
    """Return what an answer says about the account."""
    if 200 <= told.status < 300:
        return Checked(status="works")
    if told.status in REFUSED and _NARROW_KEY not in told.words.lower():
        return refused_account(told.words)
    if 400 <= told.status < 500:
        return Checked(status="reached", problem=f"It does not say whether it accepts the account: {told.words}")
    return Checked(status="unreachable", problem=f"The provider answers, but does not work: {told.words}")


def refused_account(words: str) -> Checked:
    """Return the result that the provider does not accept the account."""
    return Checked(status="refused", problem=f"The provider does not accept the account: {words}")
