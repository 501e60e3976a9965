"""The check of the final prompt before an approval: refused or recorded, by policy (ADR 14)."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from imagegeneration.core.errors import PromptRefused, ProviderFailed, ProviderNotConfigured
from imagegeneration.prompts.moderation import Moderation, ModerationPolicy, in_words
from imagegeneration.providers.generation import CallFailed, GenerationParameters
from imagegeneration.providers.openai import OpenAIProvider

DEADLINE_SECONDS = 10
"""How long the moderation may take, because the user waits for it."""

log = logging.getLogger(__name__)


class Moderator:
    """The client of the moderation service. A check is free, so nothing is held or counted for it."""

    def __init__(self, provider: OpenAIProvider | None, policy: ModerationPolicy) -> None:
        self._provider = provider
        self._policy = policy

    def check(self, final_prompt: str, requests: Iterable[GenerationParameters]) -> Moderation | None:
        """Return the finding on every text that these requests send, or None under the policy `off`.

        The texts are the final prompt as it is, and below it each native negative prompt.

        Raises ProviderNotConfigured (IMG_001) without a provider. Under the policy `block` it raises PromptRefused
        (IMG_003), or ProviderFailed (IMG_002) if the service does not answer.
        """
        if self._policy == "off":
            return None
        if self._provider is None:
            raise ProviderNotConfigured("No provider is configured, so prompts cannot be checked.")
        try:
            finding = self._provider.moderate(_sent(final_prompt, requests), DEADLINE_SECONDS)
        except CallFailed as failure:
            if self._policy == "block":
                raise ProviderFailed(
                    f"The prompt could not be checked, and this studio accepts no unchecked prompt. {failure.message}",
                    resolution="Try again in a moment. Nothing was approved or charged.",
                ) from failure
            log.warning("A prompt was approved unchecked: %s", failure.message)
            return Moderation(policy=self._policy, outcome="not_checked")
        if finding.categories and self._policy == "block":
            raise PromptRefused(
                f"The prompt is not accepted here. The moderation found: {in_words(finding.categories)}.",
                resolution="Change the prompt and approve it again. Nothing was approved or charged.",
            )
        return Moderation(
            policy=self._policy,
            outcome="flagged" if finding.categories else "passed",
            model=finding.model,
            categories=finding.categories,
        )


def _sent(final_prompt: str, requests: Iterable[GenerationParameters]) -> str:
    negative = (request.negative_prompt for request in requests)
    return "\n\n".join(dict.fromkeys((final_prompt, *filter(None, negative))))
