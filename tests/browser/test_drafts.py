"""What is typed on Generate while the connection is lost, the server starts anew, or another window writes too."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pymongo import MongoClient

from imagegeneration.assets.bucket import Storage
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.configuration import bucket_of
from imagegeneration.core.actor import LOCAL
from imagegeneration.jobs.job import Job
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.part import Part
from imagegeneration.local.process import Log, Process
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.settings import Settings
from tests.browser.company import variables
from tests.browser.conftest import windows
from tests.browser.screens import approve_button, choose_count, describe, go_to_review, is_saved, open_generate, typed
from tests.support import APPROVAL_KEY, long_but, wait_until

DATABASE = "test-drafts"
PRESS_AS_THE_PRICE_CHANGES = """() => {
  const shadows = (root) => [...root.querySelectorAll("*")].map((node) => node.shadowRoot).filter(Boolean);
  const roots = (root) => [root, ...shadows(root).flatMap(roots)];
  const look = () => {
    const found = roots(document).flatMap((root) => [...root.querySelectorAll("button.go:enabled")]);
    if (!found.some((go) => go.textContent.includes("2 images"))) return requestAnimationFrame(look);
    dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true }));
    document.body.dataset.pressed = "yes";
  };
  look();
}"""
"""Presses Ctrl+Enter with the first picture that shows the price of two images: no call of Playwright is as quick."""


class Dashboard:
    """A server of the pages that can be stopped and started anew on its port, and the studio's services beside it."""

    def __init__(self, part: Part, environment: dict[str, str], folder: Path, studio: Studio) -> None:
        self.url = f"http://127.0.0.1:{part.port}"
        self.studio = studio
        self._part, self._environment, self._folder = part, environment, folder
        self._process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        part = self._part
        self._process = Process(part.name, part.command, self._environment, Log(self._folder / "drafts.log"))
        self._process.start()
        wait_until(lambda: part.listens, "the dashboard listens", seconds=60)

    def stop(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()

    def jobs(self, intent: str) -> list[Job]:
        """The jobs of this intent."""
        return [job for job in self.studio.queries.page(LOCAL, limit=50).jobs if job.intent == intent]


@pytest.fixture(scope="module")
def dashboard(mongod: Part, bucket_server: Part, _sandbox_server: Sandbox, servers_dir: DataDir) -> Iterator[Dashboard]:
    """Pages of a studio of its own, without a runner: what was approved stays as it was approved."""
    endpoint = bucket_server.provides["R2_ENDPOINT_URL"]
    configuration: dict[str, Any] = {
        "mongodb_uri": mongod.provides["MONGODB_URI"],
        "mongodb_database": DATABASE,
        "r2_endpoint_url": endpoint,
        "r2_access_key_id": "embedded",
        "r2_secret_access_key": "embedded",
        "r2_bucket": DATABASE,
        "cdn_base_url": f"{endpoint}/{DATABASE}",
        "approval_keys": APPROVAL_KEY,
        "sandbox_url": _sandbox_server.url,
        "data_dir": str(servers_dir.path / "drafts-data"),
    }
    settings = Settings.model_validate(configuration)
    Storage(bucket_of(settings)).ensure_bucket()
    studio = build_studio(settings)
    port = servers_dir.port("drafts")
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "warning"]
    part = Part("drafts", command, port, provides={}, prepare=lambda _: None)
    started = Dashboard(part, variables(configuration), servers_dir.path, studio)
    started.start()
    yield started
    started.stop()
    studio.close()


@pytest.fixture
def open_context(
    chromium: Browser, dashboard: Dashboard, violations: list[str]
) -> Iterator[Callable[..., BrowserContext]]:
    """Makes windows that look at this dashboard."""
    with windows(chromium, dashboard.url, violations) as make:
        yield make


@pytest.fixture
def page(own_page: Page) -> Page:
    """A window that looks at this dashboard, and whose connection can be cut."""
    return own_page


class Wire:
    """The page's websocket, which can be cut and mended."""

    def __init__(self, page: Page) -> None:
        self._is_cut = False
        self._open: list[Any] = []
        page.route_web_socket(re.compile("_stcore/stream"), self._connect)

    def _connect(self, socket: Any) -> None:
        if self._is_cut:
            socket.close()
            return
        socket.connect_to_server()
        self._open.append(socket)

    def cut(self) -> None:
        """End every connection, and let no other come."""
        self._is_cut = True
        for socket in self._open:
            socket.close()
        self._open.clear()

    def mend(self) -> None:
        """Let the page connect again."""
        self._is_cut = False


def is_offline(page: Page) -> None:
    """Wait until the page knows that it has no server."""
    expect(page.get_by_text("The connection is lost. Your text is kept here")).to_be_visible()


@pytest.mark.parametrize(
    "outage", long_but(["the connection is cut", "the server starts anew"], "the server starts anew")
)
def test_what_is_typed_during_an_outage_is_what_is_approved(page: Page, dashboard: Dashboard, outage: str) -> None:
    wire = Wire(page)
    intent = f"typed while {outage}"
    go_to_review(page, intent, "a kite")
    page.reload()
    final = typed(page, "Final prompt")
    expect(approve_button(page)).to_be_enabled()
    final.fill("a red kite")
    is_saved(page, "Final prompt")
    if outage == "the connection is cut":
        wire.cut()
    else:
        dashboard.stop()
    is_offline(page)
    final.fill("a blue kite, typed without a server")
    expect(approve_button(page)).to_be_disabled()
    if outage == "the connection is cut":
        wire.mend()
    else:
        dashboard.start()
    expect(approve_button(page)).to_be_enabled(timeout=60_000)
    expect(final).to_have_value("a blue kite, typed without a server")
    is_saved(page, "Final prompt")
    approve_button(page).click()
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    (job,) = dashboard.jobs(intent)
    assert job.final_prompt == "a blue kite, typed without a server"


@pytest.mark.parametrize("returns_by", long_but(["itself", "a reload"], "itself"))
def test_the_first_step_survives_a_restart_of_the_server(page: Page, dashboard: Dashboard, returns_by: str) -> None:
    go_to_review(page, "before", "a kite")
    page.get_by_role("button", name="Back", exact=True).click()  # the studio has to come back to this step
    is_saved(page, "Prompt")
    dashboard.stop()
    is_offline(page)
    describe(page, "an intent typed meanwhile", "a boat typed meanwhile")
    dashboard.start()
    if returns_by == "a reload":
        page.reload()
    expect(page.get_by_role("button", name="Enhance prompt")).to_be_enabled(timeout=60_000)
    expect(typed(page, "Intent")).to_have_value("an intent typed meanwhile")
    expect(typed(page, "Prompt")).to_have_value("a boat typed meanwhile")
    is_saved(page, "Prompt")
    page.reload()
    expect(typed(page, "Prompt")).to_have_value("a boat typed meanwhile")
    expect(typed(page, "Intent")).to_have_value("an intent typed meanwhile")


def test_another_window_learns_of_an_approval_at_once(page: Page, dashboard: Dashboard) -> None:
    intent = "approved in the other window"
    go_to_review(page, intent, "a kite")
    is_saved(page, "Final prompt")
    other = page.context.new_page()
    other.goto(page.url)
    expect(approve_button(other)).to_be_enabled()
    approve_button(page).click()
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    expect(other.get_by_text("Already approved in another window.").first).to_be_visible()
    expect(approve_button(other)).to_be_disabled()
    (job,) = dashboard.jobs(intent)
    other.get_by_role("link", name="Open the job").click()
    expect(other.get_by_role("dialog")).to_contain_text(intent)
    assert job.job_id in other.url


def test_of_two_windows_that_write_neither_overwrites_the_other(page: Page, dashboard: Dashboard) -> None:
    open_generate(page)
    describe(page, "two windows", "a kite")
    is_saved(page, "Prompt")
    other = page.context.new_page()
    other.goto(page.url)
    expect(typed(other, "Prompt")).to_have_value("a kite")
    typed(page, "Prompt").fill("a kite, by the first")
    is_saved(page, "Prompt")
    expect(other.get_by_text("This draft was changed in another window.").first).to_be_visible()
    expect(typed(other, "Prompt")).to_have_value("a kite")
    other.get_by_role("button", name="Show the other version").click()
    expect(typed(other, "Prompt")).to_have_value("a kite, by the first")
    typed(other, "Prompt").fill("a kite, by the second")
    is_saved(other, "Prompt")
    page.get_by_role("button", name="Keep this version").click()
    expect(typed(page, "Prompt")).to_have_value("a kite, by the first")
    is_saved(page, "Prompt")
    other.reload()
    expect(typed(other, "Prompt")).to_have_value("a kite, by the first")


def test_a_draft_that_has_expired_leads_to_new_images_only(page: Page, mongod: Part) -> None:
    go_to_review(page, "left open for a week", "a kite")
    is_saved(page, "Final prompt")
    expired = page.url
    with MongoClient[dict[str, Any]](mongod.provides["MONGODB_URI"]) as client:
        client[DATABASE].drafts.delete_many({})
    typed(page, "Final prompt").fill("a kite, a week later")
    expect(page.get_by_text("This draft is not kept any more.").first).to_be_visible()
    expect(page.get_by_role("button", name="Keep this version")).to_have_count(0)
    expect(approve_button(page)).to_be_disabled()
    page.get_by_role("button", name="New images with this text").click()
    expect(approve_button(page)).to_be_enabled()
    expect(typed(page, "Final prompt")).to_have_value("a kite, a week later")
    assert page.url != expired


def test_a_shortcut_alone_spends_nothing(page: Page, dashboard: Dashboard) -> None:
    intent = "the shortcut"
    open_generate(page)
    describe(page, intent, "a kite over hills")
    page.keyboard.press("Control+Enter")
    expect(typed(page, "Final prompt")).to_be_visible()
    expect(approve_button(page)).to_be_enabled()
    page.wait_for_timeout(1200)  # the price has been on the screen for long enough
    for _ in range(3):
        page.keyboard.press("Control+Enter")
    typed(page, "Final prompt").focus()
    hold = "dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true, repeat: true}))"
    page.evaluate(hold)  # a key that is held down
    page.wait_for_timeout(500)
    assert dashboard.jobs(intent) == []
    page.evaluate(PRESS_AS_THE_PRICE_CHANGES)
    choose_count(page, 2)
    expect(page.locator("body")).to_have_attribute("data-pressed", "yes")
    page.wait_for_timeout(1200)  # the new price, too, has to be seen first
    assert dashboard.jobs(intent) == []
    typed(page, "Final prompt").focus()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    assert len(dashboard.jobs(intent)) == 1


def test_the_new_job_is_the_first_in_jobs_and_in_view(page: Page, dashboard: Dashboard) -> None:
    page.goto("/jobs")
    page.get_by_role("radio", name="Failed").click()
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Generate").click()
    intent = "taken to Jobs"
    describe(page, intent, "a kite\n" * 30)
    page.get_by_role("button", name="Use my prompt as it is").click()
    choose_count(page, 2)
    expect(approve_button(page)).to_contain_text("2 images")
    page.locator("[data-testid=stMain]").evaluate("(node) => node.scrollTo(0, node.scrollHeight)")
    approve_button(page).click()
    first = page.get_by_role("article").first
    expect(first).to_contain_text(intent)
    expect(first).to_be_in_viewport(ratio=0.5)


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["laptop", "phone"])
def test_price_and_button_stay_in_view(open_context: Callable[..., BrowserContext], size: tuple[int, int]) -> None:
    page = open_context(viewport={"width": size[0], "height": size[1]}).new_page()
    go_to_review(page, "in view", "a kite\n" * 40)
    main = page.locator("[data-testid=stMain]")
    page.get_by_text("Options", exact=True).click()
    expect(page.get_by_role("radiogroup", name="Model")).to_be_visible()
    for place in ("0", "node.scrollHeight / 2", "node.scrollHeight"):
        main.evaluate(f"(node) => node.scrollTo(0, {place})")
        expect(approve_button(page)).to_be_in_viewport(ratio=1)
        expect(page.get_by_text("an image", exact=False).first).to_be_in_viewport(ratio=1)
