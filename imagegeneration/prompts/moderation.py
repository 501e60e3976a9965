"""The findings of a moderation service, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from imagegeneration.core.value import Many, Value

ModerationPolicy = Literal["off", "flag", "block"]
"""`off`: no check. `flag`: check and record the finding. `block`: refuse a prompt with a finding."""

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
    """The moderation of a final prompt before its approval, with the policy.

    `model` is the service's name of the model that checked it, or None if the service did not answer.
    """

    policy: Literal["flag", "block"]
    outcome: Literal["passed", "flagged", "not_checked"]
    model: str | None = None
    categories: Many[str] = ()

    @property
    def remark(self) -> str:
        """Return the remark for the audit record, empty if nothing was found."""
        if self.outcome == "not_checked":
            return "The prompt was not checked: the moderation service did not answer."
        return f"The moderation found: {in_words(self.categories)}." if self.categories else ""


def in_words(categories: Sequence[str]) -> str:
    """Return the categories in words."""
    return ", ".join(_WORDS.get(category, category) for category in categories)
