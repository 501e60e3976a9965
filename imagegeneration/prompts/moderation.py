"""What a moderation service says of a prompt, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from imagegeneration.core.value import Many, Value

ModerationPolicy = Literal["off", "flag", "block"]
"""Prompts are not checked; they are checked and the finding is recorded; those with a finding are refused."""

_WORDS: Mapping[str, str] = {
    "harassment/threatening": "threatening harassment",
    "hate/threatening": "threatening hate",
    "illicit": "illicit acts",
    "illicit/violent": "violent illicit acts",
    "self-harm": "self-harm",
    "self-harm/instructions": "instructions for self-harm",
    "self-harm/intent": "intent of self-harm",
    "sexual": "sexual content",
    "sexual/minors": "sexual content with minors",
    "violence/graphic": "graphic violence",
}


class Moderation(Value):
    """What was found in a final prompt before its approval, under which policy.

    `model` is what the service calls the model that looked at it; None where it did not answer.
    """

    policy: Literal["flag", "block"]
    outcome: Literal["passed", "flagged", "not_checked"]
    model: str | None = None
    categories: Many[str] = ()

    @property
    def remark(self) -> str:
        """What is remarkable about it, for the audit record; empty where nothing was found."""
        if self.outcome == "not_checked":
            return "The prompt was not checked: the moderation service did not answer."
        return f"The moderation found: {in_words(self.categories)}." if self.categories else ""


def in_words(categories: Sequence[str]) -> str:
    """The categories as a person reads them."""
    return ", ".join(_WORDS.get(category, category) for category in categories)
