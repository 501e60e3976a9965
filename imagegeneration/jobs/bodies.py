"""The bodies with which a client approves images."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from imagegeneration.core.text import Intent, Prompt
from imagegeneration.core.value import Value
from imagegeneration.jobs.link import Links
from imagegeneration.models.options import OptionsBody
from imagegeneration.providers.generation import ImageCount


class ExecuteBody(Value):
    """Body of POST /image/execute-prompt: the four fields of version 1, which are what the user approves."""

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
    """Body of POST /image/generate: what a user or a client approves, with a choice of model and parameters.

    `links` name what the images are for in the caller's own system. They are stored with the job, can be searched for,
    and are never sent to a provider.
    """

    links: Links = Field(default=(), exclude_if=lambda links: not links)


class AgainBody(ExecuteBody):
    """What running a job again approves. `again` names that job, so that its key cannot stand for another body."""

    again: str
