"""A draft: what a person has typed so far, kept until it is approved or a week has passed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagegeneration.domain.options import Options
from imagegeneration.domain.value import LATER, Moment, Value


class Draft(Value):
    """The Generate page's state. Its id is in the page's URL and is the idempotency key of its approval.

    Texts are kept as typed, valid or not: the rules apply when the draft is enhanced or approved.
    `suggestion` is the enhancer's last answer, `final_prompt` what the person made of it (None before).
    `style` and `negative_prompt` are what was chosen and typed; they are in `final_prompt`, or the second in `options`
    where the model takes it.
    """

    schema_version: Literal[1] = 1
    draft_id: str
    user_id: str
    intent: str = ""
    raw_prompt: str = ""
    suggestion: str | None = None
    final_prompt: str | None = None
    image_count: int = 1
    style: str | None = Field(default=None, json_schema_extra=LATER)
    negative_prompt: str = Field(default="", json_schema_extra=LATER)
    options: Options = Field(default=Options(), json_schema_extra=LATER)
    job_id: str | None = None
    updated_at: Moment
