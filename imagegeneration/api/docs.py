"""The interactive documentation: Swagger UI from local files, with one inline script allowed."""

from __future__ import annotations

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

from imagegeneration.api.headers import script_hashes

_FILES = "/image/static-offline-docs"


def documentation() -> HTMLResponse:
    """Return the page."""
    return _PAGE


def _page() -> HTMLResponse:
    page = get_swagger_ui_html(
        openapi_url="/image/openapi.json",
        title="Image Studio API",
        swagger_js_url=f"{_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{_FILES}/favicon.png",
    )
    page.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self' {script_hashes(bytes(page.body).decode())}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page


_PAGE = _page()
