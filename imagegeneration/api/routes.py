"""Every route of the API, and what each requires."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, RedirectResponse

from imagegeneration.api import events, generate, jobs, models, styles
from imagegeneration.api.docs import documentation
from imagegeneration.audit import api as audit
from imagegeneration.core.roles import Need
from imagegeneration.models import lora_api
from imagegeneration.money import credit_api
from imagegeneration.operations import api as operations
from imagegeneration.operations import readiness_api
from imagegeneration.people import api as people
from imagegeneration.people import key_api
from imagegeneration.prompts import api as prompts
from imagegeneration.web.routes import need_of, requires

_pages = APIRouter(include_in_schema=False)


@_pages.get("/")
@requires("signed-in")
async def front() -> RedirectResponse:
    """Redirect to the documentation."""
    return RedirectResponse("/image/docs")


@_pages.get("/docs")
@requires("signed-in")
async def docs() -> HTMLResponse:
    """Show the documentation."""
    return documentation()


ROUTERS: Sequence[APIRouter] = (
    _pages,
    prompts.router,
    styles.router,
    generate.router,
    models.router,
    lora_api.router,
    jobs.router,
    events.router,
    operations.router,
    credit_api.router,
    people.router,
    key_api.router,
    audit.router,
    readiness_api.router,
)
"""The routers of all areas, in the order of the documentation."""

_OF_FASTAPI: Mapping[tuple[str, str], Need] = {
    ("GET", "/image/static-offline-docs/{file}"): "signed-in",
    ("GET", "/image/openapi.json"): "signed-in",
}


def _declared() -> Mapping[tuple[str, str], Need]:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    declared = {
        (method, f"/image{route.path}"): need
        for route in routes
        if (need := need_of(route.endpoint)) is not None
        for method in route.methods or ()
    }
    return {**declared, **_OF_FASTAPI}


ROUTES = _declared()
"""What each route requires, by its method and path. A route that declares nothing is missing here, and refused."""


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(map(re.escape, re.split(r"{[A-Za-z]+}", path))))


_PATTERNS = {(method, _pattern(path)): need for (method, path), need in ROUTES.items()} | {
    ("GET", re.compile("/image")): "signed-in"
}


def requirement(method: str | None, path: str) -> Need | None:
    """Return what a call requires, or None if no route declares it.

    For a wrong method it is `signed-in`, so that the error names the method.
    """
    for (known, pattern), need in _PATTERNS.items():
        if pattern.fullmatch(path) and method in (known, "HEAD"):
            return need
    return "signed-in" if allowed_methods(path) else None


def allowed_methods(path: str) -> Sequence[str]:
    """Return the methods of an address."""
    return [method for (method, pattern) in _PATTERNS if pattern.fullmatch(path)]
