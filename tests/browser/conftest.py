"""The running product, started once for all tests of this folder, and a real Chromium that looks at it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

from imagegeneration.local.datadir import DataDir
from imagegeneration.local.part import Part
from imagegeneration.local.sandbox import Sandbox
from tests.browser.chromium import launch
from tests.browser.company import STYLE_HOST, Company, running_company
from tests.browser.screens import Product
from tests.support import wait_until

ROOT = Path(__file__).parents[2]
QUICK = ("--delay", "0.6", "--text-delay", "0.2")
"""The sandbox answers sooner than by default, and slowly enough for the steps in between to be seen."""

VIEWPORT: ViewportSize = {"width": 1280, "height": 800}
LOOPBACK = ("127.0.0.1", "localhost")


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The whole product, by its supervisor, on free ports and a data folder of its own."""
    folder = tmp_path_factory.mktemp("product")
    port = _free_port()
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    env |= {
        "DATA_DIR": str(folder / "data"),
        "PORT": str(port),
        "MAX_COST_PER_IMAGE_USD": "0.08",
        "BREAKER_FAILURES": "1000",  # the failures that tests ask for must not pause the provider for others
    }
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "imagegeneration.local", *QUICK], cwd=ROOT, env=env, stdout=output, stderr=output
        )
        started = Product(f"http://127.0.0.1:{port}", folder / "data")
        try:
            wait_until(started.is_ready, "the product is ready", seconds=90)
            yield started
        finally:
            started.close()
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        expect.set_options(timeout=15_000)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def violations() -> list[str]:
    """Collect what the browser refuses by the pages' policy; each test begins with none."""
    return []


@pytest.fixture
def open_context(chromium: Browser, product: Product, violations: list[str]) -> Iterator[Callable[..., BrowserContext]]:
    """Makes windows that look at the product."""
    with windows(chromium, product.url, violations) as make:
        yield make


@pytest.fixture(scope="session")
def company(
    mongod: Part, bucket_server: Part, _sandbox_server: Sandbox, servers_dir: DataDir, chromium: Browser
) -> Iterator[Company]:
    """A studio that people sign in to, and their providers."""
    with running_company(mongod, bucket_server, _sandbox_server.url, servers_dir) as started:
        yield started


@pytest.fixture
def open_window(chromium: Browser, company: Company, violations: list[str]) -> Iterator[Callable[..., BrowserContext]]:
    """Makes windows of people who have not signed in to the company's studio."""
    with windows(chromium, company.url, violations, STYLE_HOST) as make:
        yield make


class Watch:
    """Notes what no page may do: ask any host but this machine, throw an error, break its policy."""

    def __init__(self, violations: list[str], closed: Sequence[str] = ()) -> None:
        self._closed = closed
        self._foreign: list[str] = []
        self._thrown: list[str] = []
        self._violations = violations

    def over(self, context: BrowserContext) -> None:
        """Watch the pages of a window; hosts that are closed may be asked, and do not answer."""
        context.on("request", self._asked)
        context.on("console", self._said)
        context.on("weberror", lambda error: self._thrown.append(str(error.error)))
        for host in self._closed:
            context.route(f"https://{host}/**", lambda route: route.abort())

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname not in (*LOOPBACK, *self._closed):
            self._foreign.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self._violations.append(message.text)

    def found(self) -> list[str]:
        """Return what was noted since the last call."""
        found = [*self._foreign, *self._thrown, *self._violations]
        for kept in (self._foreign, self._thrown, self._violations):
            kept.clear()
        return found


@contextlib.contextmanager
def windows(
    chromium: Browser, url: str, violations: list[str], *closed: str
) -> Iterator[Callable[..., BrowserContext]]:
    """Makes windows, whose pages are watched; hosts that are `closed` may be asked, and do not answer.

    `violations` takes what the browser refused by the pages' policy.
    """
    contexts: list[BrowserContext] = []
    watch = Watch(violations, closed)

    def make(**options: Any) -> BrowserContext:
        context = _window(chromium, url, **options)
        watch.over(context)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert watch.found() == []


class Tab:
    """A window that one test after the other uses: what it has loaded once, it need not load and compile again.

    Not for tests that listen to the page or change its requests and scripts: that cannot be undone.
    """

    def __init__(self, chromium: Browser, url: str, violations: list[str]) -> None:
        self._chromium = chromium
        self._url = url
        self._watch = Watch(violations)
        self._page: Page | None = None

    def open(self) -> Page:
        """The window, as it were new."""
        if self._page is None:
            context = _window(self._chromium, self._url, color_scheme="light")
            self._watch.over(context)
            self._page = context.new_page()
        elif self._page.is_closed():
            self._page = self._page.context.new_page()
        return self._page

    def clear(self) -> None:
        """Forget all that was done, and check what pages did."""
        page = self.open()
        for other in page.context.pages:
            if other is not page:
                other.close()
        page.goto(f"{self._url}/image/health/live")
        page.evaluate("sessionStorage.clear(); localStorage.clear()")
        page.context.clear_cookies()
        session = page.context.new_cdp_session(page)
        session.send("Page.resetNavigationHistory")
        session.detach()
        page.set_viewport_size(VIEWPORT)
        page.mouse.move(0, 0)
        assert self._watch.found() == []

    def close(self) -> None:
        if self._page is not None:
            self._page.context.close()


def _window(chromium: Browser, url: str, **options: Any) -> BrowserContext:
    context = chromium.new_context(
        base_url=url, permissions=["clipboard-read", "clipboard-write"], **{"viewport": VIEWPORT, **options}
    )
    context.set_default_timeout(15_000)
    return context


@pytest.fixture(scope="session")
def _tab(chromium: Browser, product: Product, violations: list[str]) -> Iterator[Tab]:
    tab = Tab(chromium, product.url, violations)
    yield tab
    tab.close()


@pytest.fixture
def page(_tab: Tab) -> Iterator[Page]:
    """A window of 1280 x 800, light."""
    yield _tab.open()
    _tab.clear()


@pytest.fixture
def own_page(open_context: Callable[..., BrowserContext]) -> Page:
    """As `page`, for one test alone."""
    return open_context(color_scheme="light").new_page()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A first page load compiles the whole dashboard: these tests may take longer than others."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(180))
