"""The running product, started once for all tests of this folder, and a real Chromium that looks at it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from imagegeneration.local.datadir import DataDir
from imagegeneration.local.part import Part
from imagegeneration.local.sandbox import Sandbox
from tests.browser.company import STYLE_HOST, Company, running_company
from tests.browser.screens import Product
from tests.support import wait_until

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
QUICK = ("--delay", "0.6", "--text-delay", "0.2")
"""The sandbox answers sooner than by default, and slowly enough for the steps in between to be seen."""

VIEWPORT = {"width": 1280, "height": 800}
LOOPBACK = ("127.0.0.1", "localhost")
_SYSTEM_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


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
    """The system's Chromium, else Playwright's own."""
    system = next((path for name in _SYSTEM_BROWSERS if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def violations() -> list[str]:
    """What the browser refused by the pages' policy so far."""
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


@contextlib.contextmanager
def windows(
    chromium: Browser, url: str, violations: list[str], *closed: str
) -> Iterator[Callable[..., BrowserContext]]:
    """Makes windows; in the end no page may have thrown, have done what its policy forbids, nor have asked any host
    but this machine for anything.

    Hosts that are `closed` may be asked, and do not answer. `violations` takes what the browser refused.
    """
    contexts: list[BrowserContext] = []
    foreign: list[str] = []
    thrown: list[str] = []

    def asked(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname not in (*LOOPBACK, *closed):
            foreign.append(request.url)

    def said(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            violations.append(message.text)

    def make(**options: Any) -> BrowserContext:
        context = chromium.new_context(
            base_url=url, permissions=["clipboard-read", "clipboard-write"], **{"viewport": VIEWPORT, **options}
        )
        context.set_default_timeout(15_000)
        context.on("request", asked)
        context.on("console", said)
        context.on("weberror", lambda error: thrown.append(str(error.error)))
        for host in closed:
            context.route(f"https://{host}/**", lambda route: route.abort())
        contexts.append(context)
        return context

    expect.set_options(timeout=15_000)
    yield make
    for context in contexts:
        context.close()
    assert foreign == []
    assert thrown == []
    assert violations == []


@pytest.fixture
def page(open_context: Callable[..., BrowserContext]) -> Page:
    """A window of 1280 x 800, light."""
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
