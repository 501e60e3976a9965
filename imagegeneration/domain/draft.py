"""A draft: what a person has typed so far, kept until it is approved or a week has passed."""

from __future__ import annotations

from typing import Literal

from imagegeneration.domain.value import Moment, Value


class Draft(Value):
    """The Generate page's state. Its id is in the page's URL and is the idempotency key of its approval.

    Texts are kept as typed, valid or not: the rules apply when the draft is enhanced or approved.
    `suggestion` is the enhancer's last answer, `final_prompt` what the person made of it (None before).
    """

    schema_version: Literal[1] = 1
    draft_id: str
    user_id: str
    intent: str = ""
    raw_prompt: str = ""
    suggestion: str | None = None
    final_prompt: str | None = None
    image_count: int = 1
    job_id: str | None = None
    updated_at: Moment
