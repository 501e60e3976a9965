"""Routes of prompts: step one of the two."""

from __future__ import annotations

import functools
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Response

from imagegeneration.people.rate_api import tell_rate
from imagegeneration.people.rates import Rates
from imagegeneration.prompts.enhancement import Enhancement
from imagegeneration.providers.generation import EnhanceBody, EnhancedPrompt
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import JSON_ONLY, CurrentActor, requires, service

AT_ONCE = 32
"""The most enhancements at once. They wait for the provider, so they have their own threads."""

router = APIRouter(tags=["prompts"])


@router.post("/enhance-prompt", dependencies=[JSON_ONLY], responses=documented(402, 415, 429, 502))
@requires("generate")
async def enhance_prompt(
    body: EnhanceBody,
    response: Response,
    enhancement: Annotated[Enhancement, service(Enhancement)],
    rates: Annotated[Rates, service(Rates)],
    actor: CurrentActor,
) -> EnhancedPrompt:
    """Suggest a better prompt. Writes nothing and generates no image."""

    def enhance() -> str:
        suggestion = enhancement.enhance(actor, body)
        tell_rate(response, rates, actor, "enhance")
        return suggestion

    return EnhancedPrompt(final_prompt=await to_thread.run_sync(enhance, limiter=_limiter()))


@functools.cache
def _limiter() -> CapacityLimiter:
    return CapacityLimiter(AT_ONCE)
