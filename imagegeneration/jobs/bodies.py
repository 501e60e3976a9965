"""What a client sends to approve images."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from imagegeneration.core.text import Intent, Prompt
from imagegeneration.core.value import Value
from imagegeneration.jobs.link import Links
from imagegeneration.models.options import OptionsBody
from imagegeneration.providers.generation import ImageCount


class ExecuteBody(Value):
    """Body of POST /image/execute-prompt: the four fields of version 1, and what a person approves."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "intent": "homepage category card",
                    "rawPrompt": "simple saas ui",
                    "finalPrompt": "A clean homepage category card for a SaaS product, soft light, generous spacing",
                    "imageCount": 3,
                }
            ]
        }
    )

    intent: Intent
    raw_prompt: Prompt
    final_prompt: Prompt
    image_count: ImageCount = Field(default=1, description="Any integer; clamped to 1..5.")


class GenerateBody(OptionsBody, ExecuteBody):
    """Body of POST /image/generate: what a person or a program approves, with a choice of model and parameters.

    `links` name what of the caller's own the images are for; they are kept with the job, searched for, and sent to
    nobody.
    """

    links: Links = Field(default=(), exclude_if=lambda links: not links)


class AgainBody(ExecuteBody):
    """What is approved when a job is run again. `again` names that job, so that a key of it stands for nothing else."""

    again: str
