"""Step one: a better prompt, free to look at (PRD 000, section 5.1). Nothing is written while answering."""

from __future__ import annotations

import logging
import threading
from collections import Counter

from imagegeneration.domain.actor import Actor
from imagegeneration.domain.catalog import Catalog
from imagegeneration.domain.generation import CallFailed, EnhanceBody
from imagegeneration.domain.text import PROMPT_MAX, check_text
from imagegeneration.errors import PromptRefused, ProviderFailed, ProviderNotConfigured, StudioError
from imagegeneration.providers import OpenAIProvider
from imagegeneration.services.rates import Rates
from imagegeneration.services.spending import Spending

DEADLINE_SECONDS = 10
"""The person waits for it, so it must answer or fail; it is meant to answer within 2 seconds."""

POST_SECONDS = 60

log = logging.getLogger(__name__)


class Enhancement:
    """Asks the text model, and sums up what it cost until `post` writes it down."""

    def __init__(
        self, provider: OpenAIProvider | None, model: str, catalog: Catalog, rates: Rates, spending: Spending
    ) -> None:
        self._rates = rates
        self._provider = provider
        self._model = model
        self._catalog = catalog
        self._spending = spending
        self._unposted: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enhance(self, actor: Actor, body: EnhanceBody) -> str:
        """A suggestion of 1 to 4,000 characters, within 10 seconds.

        Raises ProviderNotConfigured (IMG_001), ProviderFailed (IMG_002), PromptRefused (IMG_003) or Busy (IMG_005).
        """
        if self._provider is None:
            raise ProviderNotConfigured("No text provider is configured, so prompts cannot be enhanced.")
        self._catalog.text_cost(self._model, 0, 0)  # without a price nothing is called
        self._rates.act(actor, "enhance")
        try:
            enhancement = self._provider.enhance(self._model, body, DEADLINE_SECONDS)
        except CallFailed as failure:
            if failure.moderated:
                raise PromptRefused(failure.message) from failure
            raise ProviderFailed(
                f"The prompt could not be enhanced. {failure.message}",
                resolution="Try again in a moment, or go on with the prompt as you typed it.",
            ) from failure
        if enhancement.input_tokens is not None and enhancement.output_tokens is not None:
            cost = self._catalog.text_cost(self._model, enhancement.input_tokens, enhancement.output_tokens)
            with self._lock:
                self._unposted[actor.user_id] += cost
        return _usable(enhancement.final_prompt)

    def post(self) -> None:
        """Write what enhancing has cost since the last time to the ledger: once a minute, and at the end.

        What cannot be written now is kept for the next time.
        """
        with self._lock:
            amounts, self._unposted = self._unposted, Counter()
        for user_id, micros in amounts.items():
            try:
                self._spending.record_text(user_id, self._model, micros)
            except StudioError as error:
                log.warning("The enhancer's cost is not in the ledger yet: %s", error)
                with self._lock:
                    self._unposted[user_id] += micros


def _usable(text: str) -> str:
    """The answer as a prompt that could be approved as it is: bounded, and free of control characters."""
    bounded = text.strip()
    if len(bounded) > PROMPT_MAX:
        bounded = bounded[:PROMPT_MAX].rsplit(None, 1)[0].rstrip()
    try:
        return check_text(bounded, PROMPT_MAX)
    except ValueError as error:
        raise ProviderFailed("The enhancer's answer is empty or has characters that no prompt may have.") from error
