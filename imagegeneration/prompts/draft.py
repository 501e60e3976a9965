"""A draft: what a user has typed, kept until it is approved or for a week."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from imagegeneration.core.value import Many, Moment, Value
from imagegeneration.models.options import Options

PREVIOUS_KEPT = 5
"""How many final prompts that buttons replaced are kept for undo."""


class Draft(Value):
    """The state of the Generate page. Its id is in the page's URL; it becomes one job and keeps that job's id.

    Texts are kept as typed, valid or not; the rules apply when the draft is enhanced or approved. `suggestion` is the
    enhancer's last answer, and `final_prompt` what the user made of it (None before). `style` and `negative_prompt` are
    the user's inputs. Both are rendered into `final_prompt`; a model that takes a negative prompt natively gets it in
    `options` instead. `previous_prompts` are the final prompts that buttons replaced, the last one last, for undo.
    `version` counts the stored changes: a window with an older version cannot overwrite a newer one.
    """

    schema_version: Literal[1] = 1
    draft_id: str
    user_id: str
    intent: str = ""
    raw_prompt: str = ""
    suggestion: str | None = None
    final_prompt: str | None = None
    previous_prompts: Many[str] = Field(default=(), max_length=PREVIOUS_KEPT)
    image_count: int = 1
    style: str | None = None
    negative_prompt: str = ""
    options: Options = Options()
    job_id: str | None = None
    version: int = Field(default=0, ge=0)
    updated_at: Moment

    @property
    def prompt(self) -> str:
        """Return the final prompt, or the typed text until there is one."""
        return self.raw_prompt if self.final_prompt is None else self.final_prompt

    def says_the_same(self, other: Draft) -> bool:
        """Return whether both hold the same texts and choices, regardless of time and version."""
        stored = {"version": 0, "updated_at": self.updated_at, "job_id": None}
        return self.model_copy(update=stored) == other.model_copy(update=stored)


@dataclass(frozen=True)
class Shown:
    """What an approval is bound to: the draft's version, and the hash of what the screen showed (`Quote.sha256`)."""

    draft_id: str
    version: int
    sha256: str
