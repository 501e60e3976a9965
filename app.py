"""The ASGI application: the dashboard and, under /image, the API.

Start it with `uvicorn app:app --http imagegeneration.api.protocol:TimedProtocol`. `streamlit run app.py` and other ASGI
servers serve it too, but without time limits for request heads and for clients that do not read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from imagegeneration.api.app import api_routes, gated, running
from imagegeneration.api.sign_in import sign_in_routes
from imagegeneration.core.errors import ConfigurationError, StudioError
from imagegeneration.core.logs import configure_logging
from imagegeneration.core.redaction import redact
from imagegeneration.dashboard.document import FirstVisit, document
from imagegeneration.dashboard.frame import studio
from imagegeneration.dashboard.left_pages import ignore_left_pages
from imagegeneration.dashboard.messages import hear
from imagegeneration.dashboard.wording import use_our_words
from imagegeneration.settings import load_settings
from imagegeneration.start import require_fit

NAVIGATION = Path(__file__).parent / "imagegeneration" / "dashboard" / "navigation.py"


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Build the studio before the first request; a wrong setting ends the process with one line."""
    configure_logging()
    try:
        settings = load_settings()
        settings.require_safe_exposure(settings.host)
        built = studio()
        require_fit(built)
    except (ConfigurationError, StudioError) as error:
        sys.stderr.write(f"The dashboard cannot start: {redact(str(error))}\n")
        sys.stderr.flush()
        os._exit(2)  # an exception would leave the server through twenty lines of traceback
    async with running(built):
        yield


ignore_left_pages()
use_our_words()
app = st.App(
    NAVIGATION,
    routes=[*api_routes(studio), *sign_in_routes(studio)],
    middleware=[*gated(studio, document(), hear), Middleware(FirstVisit)],
    lifespan=lifespan,
)
