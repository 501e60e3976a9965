"""Dependencies of routes that still take the whole studio."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from imagegeneration.bootstrap import Studio


async def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio()
    return studio


CurrentStudio = Annotated[Studio, Depends(_studio)]
