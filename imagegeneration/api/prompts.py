"""Routes of prompts: step one of the two."""

from __future__ import annotations

import functools

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter

from imagegeneration.api.answers import documented
from imagegeneration.api.dependencies import JSON_ONLY, CurrentActor, CurrentStudio
from imagegeneration.domain.generation import EnhanceBody, EnhancedPrompt

AT_ONCE = 32
"""Enhancements at once. They wait for the provider, so they have threads of their own (STREAMLIT.md, "Server")."""

router = APIRouter(tags=["prompts"])


@router.post("/enhance-prompt", dependencies=[JSON_ONLY], responses=documented(402, 415, 429, 502))
async def enhance_prompt(body: EnhanceBody, studio: CurrentStudio, actor: CurrentActor) -> EnhancedPrompt:
    """Suggest a better prompt: text only, nothing is written and nothing is generated."""
    suggestion = await to_thread.run_sync(studio.enhancement.enhance, actor, body, limiter=_limiter())
    return EnhancedPrompt(final_prompt=suggestion)


@functools.cache
def _limiter() -> CapacityLimiter:
    return CapacityLimiter(AT_ONCE)
