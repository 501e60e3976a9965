"""What every answer tells the browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import streamlit
from starlette.testclient import TestClient

from imagegeneration.api.app import build_asgi
from imagegeneration.api.headers import NOTHING, script_hashes
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.dashboard.document import document
from imagegeneration.settings import Settings
from tests.integration.doors.conftest import Server

INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
PAGES = ("/", "/jobs", "/nowhere", "/operations")
ADDRESSES = (
    *(*PAGES, "/auth/sign-in", "/auth/sign-in.css", "/auth/nowhere", "/media/nothing", "/favicon.png", "//twice"),
    *("/_stcore/health", "/_stcore/metrics", "/app/static/inter-latin-wght-normal.woff2", "/image/health/live"),
    *("/image/me", "/image/nowhere", "/image/docs", "/image/openapi.json", "/image/static-offline-docs/swagger-ui.css"),
)


@pytest.fixture
def ann(server: Server) -> Iterator[httpx.Client]:
    with server.client(**server.enter("ann", "admin")) as client:
        yield client


def policy(answer: httpx.Response) -> dict[str, list[str]]:
    """The parts of the answer's Content-Security-Policy."""
    parts = (part.split() for part in answer.headers["content-security-policy"].split("; "))
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "BREW"])
def test_every_answer_carries_the_headers(server: Server, ann: httpx.Client, path: str, method: str) -> None:
    with server.client() as stranger:
        for answer in (ann.request(method, server.url + path), stranger.request(method, server.url + path)):
            assert answer.status_code < 500
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert answer.headers["cross-origin-opener-policy"] == "same-origin"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert "camera=()" in answer.headers["permissions-policy"]
            assert policy(answer)["frame-ancestors"] == ["'none'"]
            assert policy(answer)["base-uri"] == ["'none'"]
            assert re.fullmatch(r"[\w.-]{1,64}", answer.headers["x-request-id"])
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", PAGES)
def test_the_dashboard_runs_its_own_scripts_only(server: Server, ann: httpx.Client, path: str) -> None:
    sources = policy(ann.get(path, headers={"Accept": "text/html"}))
    assert sources["script-src"] == ["'self'", "blob:", *script_hashes(document()).split()]
    assert set(script_hashes(INDEX.read_text()).split()) < set(script_hashes(document()).split())
    assert sources["default-src"] == ["'self'"]
    assert sources["img-src"] == ["'self'", "data:", "blob:", str(server.settings.r2_endpoint_url)]
    assert sources["connect-src"] == ["'self'", server.url.replace("http", "ws"), str(server.settings.r2_endpoint_url)]
    assert sources["object-src"] == sources["frame-src"] == ["'none'"]


def test_what_is_no_page_may_nothing(server: Server, ann: httpx.Client) -> None:
    with server.client() as stranger:
        refused = [stranger.get(path) for path in ("/jobs", "/image/me", "/_stcore/metrics")]
    for answer in (*refused, ann.get("/image/me"), ann.get("/image/openapi.json"), ann.get("/image/nowhere")):
        assert answer.headers["content-security-policy"] == NOTHING


@pytest.mark.parametrize("path", ["/auth/sign-in", "/image/docs"])
def test_pages_of_our_own_load_nothing_that_they_do_not_name(ann: httpx.Client, path: str) -> None:
    answer = ann.get(path)
    assert answer.status_code == 200
    assert policy(answer)["default-src"] == ["'none'"]
    assert "'unsafe-inline'" not in policy(answer).get("script-src", [])


def test_the_documentation_names_the_hash_of_its_only_inline_script(ann: httpx.Client) -> None:
    page = ann.get("/image/docs")
    assert policy(page)["script-src"] == ["'self'", script_hashes(page.text)]
    files = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(files) == 3
    assert {ann.get(file).status_code for file in files} == {200}


@pytest.fixture
def told(settings: Settings) -> Iterator[Callable[[str | None], str | None]]:
    """What browsers are told of HTTPS by a studio at this address."""
    built: list[Studio] = []

    def ask(public_url: str | None) -> str | None:
        studio = build_studio(settings.model_copy(update={"public_url": public_url}))
        built.append(studio)
        answer = TestClient(build_asgi(lambda: studio), base_url="http://localhost").get("/image/health/live")
        return answer.headers.get("strict-transport-security")

    yield ask
    for studio in built:
        studio.close()


def test_browsers_stay_with_https_where_the_studio_is_there(told: Callable[[str | None], str | None]) -> None:
    assert told("https://studio.example") == "max-age=31536000"
    assert told("http://studio.example") is None
    assert told(None) is None
