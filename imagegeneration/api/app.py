"""The API as an application, mounted under /image beside the pages or served alone.

Alone: `uvicorn --factory imagegeneration.api.app:create_api`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from anyio import to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import Lifespan

from imagegeneration.api import events
from imagegeneration.api.gate import Gate, Hear
from imagegeneration.api.guard import Guard
from imagegeneration.api.headers import SecurityHeaders
from imagegeneration.api.heads import ClientAddresses, Heads
from imagegeneration.api.rates import RequestRates
from imagegeneration.api.routes import ROUTERS
from imagegeneration.api.sign_in import sign_in_routes
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.errors import ConfigurationError, StudioError
from imagegeneration.core.logs import configure_logging
from imagegeneration.core.redaction import redact
from imagegeneration.prompts.enhancement import POST_SECONDS
from imagegeneration.settings import load_settings
from imagegeneration.start import require_fit
from imagegeneration.web import answers

_DESCRIPTION = """Two steps: look at an enhanced prompt for free, then approve exactly what is sent and paid for.

Every error has the same form: `{"error": {"code", "message", "resolution", "requestId"}}`.
"""


def build_api(studio: Callable[[], Studio]) -> FastAPI:
    """Build the API to be mounted at /image; `studio` is called with every request."""
    api: FastAPI = FastAPIOffline(
        title="Image Studio",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_url="/openapi.json",
    )
    api.state.studio = studio
    api.state.followers = events.Followers(studio)
    for router in ROUTERS:
        api.router.routes.extend(router.routes)  # include_router would build each again
    api.add_exception_handler(StudioError, answers.on_studio_error)
    api.add_exception_handler(RequestValidationError, answers.on_invalid_request)
    api.add_exception_handler(HTTPException, answers.on_http_exception)
    return api


def api_routes(studio: Callable[[], Studio]) -> list[Mount]:
    """Return the routes of the API for an application that puts the middleware of `gated` before them."""
    return [Mount("/image", app=build_api(studio))]


def build_asgi(studio: Callable[[], Studio], lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """Build the API behind the gate, as it is served without the dashboard."""
    routes = [*api_routes(studio), *sign_in_routes(studio)]
    return Starlette(routes=routes, middleware=gated(studio), lifespan=lifespan)


def gated(
    studio: Callable[[], Studio], page: str | None = None, hear: Hear = lambda _message: "refused"
) -> list[Middleware]:
    """Return the middleware before pages and API, outermost first.

    `page` is the document of the dashboard; `hear` classifies a message of its pages.
    """
    return [
        Middleware(SecurityHeaders, studio=studio, page=page),
        Middleware(Heads),
        Middleware(ClientAddresses, studio=studio),
        Middleware(Gate, studio=studio, hear=hear),
        Middleware(RequestRates, studio=studio),
        Middleware(Guard),
    ]


@asynccontextmanager
async def running(studio: Studio) -> AsyncIterator[None]:
    """Post the enhancer's cost and renew this process once a minute, and close the studio at the end."""
    stop = threading.Event()

    def post() -> None:
        while not stop.wait(POST_SECONDS):
            studio.enhancement.post()
            with suppress(StudioError):  # the database is down: the next minute tries again
                studio.runners.processes.seen()

    poster = threading.Thread(target=post, name="post-text-cost", daemon=True)
    poster.start()
    try:
        yield
    finally:
        stop.set()
        await to_thread.run_sync(poster.join, 5)  # else it could record this process after it has gone
        await to_thread.run_sync(studio.close)


def create_api() -> Starlette:
    """Build the API alone, configured by the environment. A wrong setting ends the process with one line."""
    configure_logging()
    try:
        settings = load_settings()
        settings.require_safe_exposure(settings.host)
        studio = build_studio(settings)
        require_fit(studio)
    except (ConfigurationError, StudioError) as error:
        sys.exit(f"The API cannot start: {redact(str(error))}")

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with running(studio):
            yield

    return build_asgi(lambda: studio, lifespan)
