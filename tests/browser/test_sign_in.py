"""Signing in and out in a real browser, at a real provider: what forms, redirects and policies make of it."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import build_studio
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.part import Part
from imagegeneration.people.sign_in import SignInProvider
from imagegeneration.settings import Settings
from tests.browser.conftest import LOOPBACK
from tests.support import serving, wait_until

ANN = {"sub": "ann", "email": "ann@example.com", "email_verified": True, "name": "Ann"}


@pytest.fixture(scope="module")
def issuer(servers_dir: DataDir) -> Iterator[str]:
    """A real OpenID provider, at another address than the studio."""
    port = servers_dir.port("browser-identity-provider")
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--user-claims", json.dumps(ANN)]
    with serving(Part("identity-provider", command, port, provides={}, prepare=lambda _: None), servers_dir.path):
        yield f"http://localhost:{port}"


@pytest.fixture
def company(settings: Settings, issuer: str) -> Iterator[str]:
    """The address of an API that people sign in to."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        provider = SignInProvider.model_validate(
            {"name": "idp", "label": "Example", "issuer": issuer, "clientId": "studio", "clientSecret": "secret"}
            | {"roles": {"admin": ["ann@example.com"]}}
        )
        studio = build_studio(settings.model_copy(update={"sign_in_providers": (provider,), "public_url": url}))
        config = uvicorn.Config(build_asgi(lambda: studio), log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        wait_until(lambda: server.started, "the API listens")
        yield url
        server.should_exit = True
        thread.join(10)
        studio.close()


@pytest.fixture
def page(chromium: Browser, company: str) -> Iterator[Page]:
    """A window that stays on this machine: the provider's page would load its style from elsewhere."""
    with chromium.new_context(base_url=company) as context:
        context.route(lambda address: urlsplit(address).hostname not in LOOPBACK, lambda route: route.abort())
        yield context.new_page()


def test_a_person_signs_in_and_out(page: Page, company: str) -> None:
    page.goto("/auth/sign-in?next=/image/me")
    page.get_by_role("button", name="Continue with Example").click()
    page.locator("input[name=sub]").fill("ann")
    page.get_by_role("button", name="Authorize").click()
    expect(page.locator("body")).to_contain_text('"name":"Ann"')
    assert page.url == f"{company}/image/me"

    page.goto("/auth/sign-out")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Continue with Example")).to_be_visible()
    answer = page.goto("/image/me")
    assert answer is not None
    assert answer.status == 401
