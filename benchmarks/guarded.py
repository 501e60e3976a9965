"""A cheap route, bare and behind everything that stands before pages and API; the difference is what a request pays.

Served with `uvicorn --factory`.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from imagegeneration.api.app import gated
from imagegeneration.bootstrap import build_studio
from imagegeneration.settings import load_settings

PATH = "/image/me"


async def _answer(_request: Request) -> JSONResponse:
    return JSONResponse({"userId": "somebody"})


def bare() -> Starlette:
    """Return the route alone."""
    return Starlette(routes=[Route(PATH, _answer)])


def guarded() -> Starlette:
    """Return the route behind the gate of pages and API."""
    studio = build_studio(load_settings())
    return Starlette(routes=[Route(PATH, _answer)], middleware=gated(lambda: studio))
