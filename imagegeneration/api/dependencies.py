"""What routes are given: the studio, who acts, and the request's id."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from imagegeneration.api.answers import request_id_of
from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import Actor


async def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio()
    return studio


async def _actor(request: Request) -> Actor:
    actor: Actor = request.state.actor
    return actor


async def _json_only(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise HTTPException(415)


CurrentStudio = Annotated[Studio, Depends(_studio)]
CurrentActor = Annotated[Actor, Depends(_actor)]
CurrentRequestId = Annotated[str, Depends(request_id_of)]
JSON_ONLY = Depends(_json_only)
