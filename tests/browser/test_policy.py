"""What the pages' policy lets through, and what it keeps out, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from tests.browser.screens import (
    Product,
    approve_button,
    card,
    dialog,
    go_to_review,
    is_done,
    open_dialog,
    open_jobs,
    open_operations,
    unique,
)

INJECTED = {
    "an inline script": "const s = document.createElement('script'); s.textContent = 'window.hurt = 1'; "
    "document.body.append(s)",
    "a handler in an attribute": "const b = document.createElement('button'); "
    "b.setAttribute('onclick', 'window.hurt = 1'); document.body.append(b); b.click()",
    "an address that is a script": "const a = document.createElement('a'); a.href = 'javascript:window.hurt = 1'; "
    "document.body.append(a); a.click()",
    "a script of another site": "const s = document.createElement('script'); s.src = 'http://127.0.0.1:9/x.js'; "
    "document.body.append(s)",
    "an image of another site": "new Image().src = 'http://127.0.0.1:9/x.png?' + document.title",
    "a message to another site": "fetch('http://127.0.0.1:9/').catch(() => {})",
    "a frame": "const f = document.createElement('iframe'); f.src = 'http://127.0.0.1:9/'; document.body.append(f)",
    "a base address": "const b = document.createElement('base'); b.href = 'http://127.0.0.1:9/'; "
    "document.head.append(b)",
    "a form to another site": "const f = document.createElement('form'); f.action = 'http://127.0.0.1:9/'; "
    "document.body.append(f); f.submit()",
}


def test_the_whole_way_needs_nothing_that_the_policy_forbids(own_page: Page, product: Product) -> None:
    page = own_page
    errors: list[str] = []

    def said(message: ConsoleMessage) -> None:
        # Streamlit looks for its own base address above a page's, and finds it at the second try.
        if message.type == "error" and "/_stcore/" not in message.location["url"]:
            errors.append(f"{message.text} {message.location}")

    page.on("console", said)
    intent = unique("policy")
    go_to_review(page, intent, "a red kite")
    approve_button(page).click()
    is_done(page)
    open_jobs(page)
    expect(card(page, intent).locator(".tile.loaded")).to_have_count(1)
    open_dialog(page, intent)
    with page.expect_download():
        dialog(page).get_by_role("button", name="Download").first.click()
    open_operations(page)
    page.goto("/image/docs")
    expect(page.get_by_role("heading", name="Image Studio")).to_be_visible()
    page.get_by_text("/me", exact=True).click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute", exact=True).click()
    expect(page.locator(".live-responses-table")).to_contain_text('"userId": "local"')
    assert errors == []


@pytest.mark.parametrize("what", INJECTED)
def test_what_is_injected_is_kept_out(page: Page, violations: list[str], what: str) -> None:
    open_jobs(page)
    assert violations == []
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate(INJECTED[what])
    assert page.evaluate("window.hurt") is None
    assert page.url.endswith("/jobs")
    violations.clear()


@pytest.mark.parametrize("path", ["/", "/jobs", "/image/docs", "/image/me"])
def test_no_page_is_framed(
    open_context: Callable[..., BrowserContext], product: Product, violations: list[str], path: str
) -> None:
    page = open_context().new_page()
    with page.expect_console_message(lambda message: "frame-ancestors 'none'" in message.text):
        page.set_content(f'<iframe src="{product.url}{path}"></iframe>')
    expect(page.frame_locator("iframe").get_by_text("Studio")).to_have_count(0)
    violations.clear()
