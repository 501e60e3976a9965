"""Routes of prompts: step one of the two."""

from __future__ import annotations

import functools

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Response

from imagegeneration.api.answers import documented
from imagegeneration.api.dependencies import JSON_ONLY, CurrentActor, CurrentStudio
from imagegeneration.api.rates import tell_rate
from imagegeneration.providers.generation import EnhanceBody, EnhancedPrompt

AT_ONCE = 32
"""Enhancements at once. They wait for the provider, so they have threads of their own (STREAMLIT.md, "Server")."""

router = APIRouter(tags=["prompts"])


@router.post("/enhance-prompt", dependencies=[JSON_ONLY], responses=documented(402, 415, 429, 502))
async def enhance_prompt(
    body: EnhanceBody, response: Response, studio: CurrentStudio, actor: CurrentActor
) -> EnhancedPrompt:
    """Suggest a better prompt: text only, nothing is written and nothing is generated."""

    def enhance() -> str:
        suggestion = studio.enhancement.enhance(actor, body)
        tell_rate(response, studio, actor, "enhance")
        return suggestion

    return EnhancedPrompt(final_prompt=await to_thread.run_sync(enhance, limiter=_limiter()))


@functools.cache
def _limiter() -> CapacityLimiter:
    return CapacityLimiter(AT_ONCE)
