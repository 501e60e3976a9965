"""A sign-in provider that hangs: whom it holds up, and for how long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from unittest import mock

import anyio
import httpx
import pytest
from anyio import to_thread
from starlette.types import ASGIApp

from imagegeneration.api import sign_in
from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.errors import SignInFailed
from imagegeneration.people.oidc import OidcClient, documents
from imagegeneration.people.person import LOGIN_COOKIE
from imagegeneration.people.sign_in import SignInProvider
from imagegeneration.settings import Settings
from tests.integration.company import PUBLIC, person
from tests.support import run_async
from tests.wire.openid import Provider, running_provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


def settings_of(provider: Provider, name: str = "idp") -> SignInProvider:
    facts = {"name": name, "label": "Example", "issuer": provider.issuer, "clientId": "studio", "roles": {}}
    return SignInProvider.model_validate(facts)


def address(client: OidcClient) -> str:
    try:
        return client.address("http://studio.test/back", state="s", nonce="n", verifier="v" * 43)
    except SignInFailed as error:
        return error.reason


def test_one_look_serves_all_that_wait(provider: Provider) -> None:
    provider.hold, client = threading.Event(), OidcClient(settings_of(provider))
    with ThreadPoolExecutor(16) as threads:
        waiting = [threads.submit(address, client) for _ in range(16)]
        while not provider.asked:
            time.sleep(0.001)
        provider.hold.set()
        found = {one.result() for one in waiting}
    assert found == {address(client)}
    assert next(iter(found)).startswith(f"{provider.url}/authorize?")
    assert len(provider.asked) == 1


def test_a_provider_that_hangs_costs_one_wait_for_all(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "TIMEOUT_SECONDS", 0.3)
    provider.hold, client = threading.Event(), OidcClient(settings_of(provider))
    began = time.monotonic()
    with ThreadPoolExecutor(16) as threads:
        found = set(threads.map(address, [client] * 16))
    assert found == {"Example does not answer. (ReadTimeout)"}
    assert address(client) in found
    assert time.monotonic() - began < 3
    assert len(provider.asked) == 1


@pytest.mark.parametrize("head", [True, False])
def test_a_provider_that_sends_slowly_is_given_up(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, head: bool
) -> None:
    monkeypatch.setattr(documents, "DEADLINE_SECONDS", 0.3)
    provider.drip, provider.drips_head = 0.1, head
    began = time.monotonic()
    assert "too slow" in address(OidcClient(settings_of(provider)))
    assert time.monotonic() - began < 2


def test_what_was_known_serves_while_the_provider_is_down(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    client = OidcClient(settings_of(provider))
    before = address(client)
    monkeypatch.setattr(client._metadata._shared, "_seconds", -1.0)
    provider.statuses["openid-configuration"] = 503
    assert address(client) == before
    assert len(provider.asked) == 2
    monkeypatch.setattr(documents, "STALE_SECONDS", -1.0)
    assert address(client) == "Example answered with an error. (HTTP 503)"


def test_sign_ins_that_hang_hold_up_nobody_else(settings: Settings, provider: Provider) -> None:
    provider.hold = threading.Event()
    with running_provider() as other:
        named = {"sign_in_providers": (settings_of(provider), settings_of(other, "other")), "public_url": PUBLIC}
        company = build_studio(settings.model_copy(update=named))
        try:
            assert run_async(_others_while_it_hangs, company, provider) == [200, 200, 303, 429]
        finally:
            provider.hold.set()
            company.close()


async def _others_while_it_hangs(company: Studio, provider: Provider) -> list[int]:
    """What four requests are answered that come while as many sign-ins as can hang at a provider."""
    assert provider.hold is not None
    to_thread.current_default_thread_limiter().total_tokens = 4
    cookies = {"Cookie": f"{LOGIN_COOKIE}={company.logins.create(person(company, 'ann', 'creator'), 'other', 'other')}"}
    app = build_asgi(lambda: company)
    async with browser_of(app, 1) as browser, anyio.create_task_group() as hanging:
        for number in range(sign_in.AT_ONCE + sign_in.MOST_WAITING):
            hanging.start_soon(_begin, app, 2 + number)
        while not provider.asked:
            await anyio.sleep(0.005)
        await anyio.sleep(0.3)  # until all are there
        with anyio.fail_after(2):
            keys = await browser.get("/image/keys", headers=cookies)
            page = await browser.get("/auth/sign-in")
            begun = await browser.post("/auth/begin/other", data={"next": "/"})
            one_more = await browser.post("/auth/begin/idp", data={"next": "/"})
        provider.hold.set()
    return [answer.status_code for answer in (keys, page, begun, one_more)]


def browser_of(app: ASGIApp, number: int) -> httpx.AsyncClient:
    """A browser at an address of its own."""
    transport = httpx.ASGITransport(app=app, client=(f"198.51.100.{number}", 1))
    return httpx.AsyncClient(transport=transport, base_url=PUBLIC, timeout=30)


async def _begin(app: ASGIApp, number: int) -> None:
    async with browser_of(app, number) as browser:
        await browser.post("/auth/begin/idp", data={"next": "/"})


def test_sign_outs_that_strangers_send_hold_up_no_sign_in(settings: Settings, provider: Provider) -> None:
    named = {"sign_in_providers": (settings_of(provider),), "public_url": PUBLIC}
    company = build_studio(settings.model_copy(update=named))
    over = threading.Event()
    try:
        with mock.patch.object(company.sign_in, "end_for_provider", side_effect=lambda *_: over.wait(10)):
            assert run_async(_begin_while_sign_outs_hang, company, over) == 303
    finally:
        over.set()
        company.close()


async def _begin_while_sign_outs_hang(company: Studio, over: threading.Event) -> int:
    app = build_asgi(lambda: company)
    async with browser_of(app, 1) as browser, anyio.create_task_group() as hanging:
        for _ in range(sign_in.AT_ONCE + sign_in.MOST_WAITING):
            hanging.start_soon(partial(browser.post, "/auth/logout/idp", data={"logout_token": "x"}))
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            begun = await browser.post("/auth/begin/idp", data={"next": "/"})
        over.set()
    return begun.status_code
