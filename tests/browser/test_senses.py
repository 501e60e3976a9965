"""Jobs for those who use no mouse or see no page: where the keyboard leads, what is said, and that nothing jumps."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.screens import Product, card, dialog, open_dialog, open_jobs, unique

SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""

HEAD = """() => {
  const head = document.querySelector(".st-key-head");
  return [parseFloat(getComputedStyle(head).minHeight), head.getBoundingClientRect().height];
}"""
"""Return the height that is kept for the head of a page, and the height that it has, in pixels."""

UNCOUNTED_PIXELS = 3
"""Browsers count no shift below this."""


def name_of(page: Page, intent: str) -> Locator:
    return card(page, intent).get_by_role("button", name=intent, exact=True)


def said(page: Page, words: str) -> Locator:
    return page.get_by_role("status").filter(has_text=re.compile(words))


def test_one_tab_leads_from_card_to_card(page: Page, product: Product) -> None:
    older, failed, newer = unique("older"), unique("failed"), unique("newer")
    product.finished(product.approve(intent=older, images=2))
    product.finished(product.approve(f"a kite [sandbox:400 count=1] {failed}", intent=failed, images=2))
    product.finished(product.approve(intent=newer, images=3))
    open_jobs(page)
    name_of(page, newer).focus()
    for intent in (failed, older):
        page.keyboard.press("Tab")
        expect(name_of(page, intent)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    for button in ("Retry", "Copy the URL"):
        page.keyboard.press("ArrowRight")
        expect(card(page, failed).get_by_role("button", name=button)).to_be_focused()
    page.keyboard.press("Tab")
    expect(name_of(page, older)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(card(page, older).get_by_role("button", name="Copy URL of image 2")).to_be_focused()


def test_focus_goes_into_the_dialog_and_back_to_the_card(page: Page, product: Product) -> None:
    intent = unique("focus")
    product.finished(product.approve(f"a kite [sandbox:400 count=1] {intent}", intent=intent))
    open_jobs(page)
    card(page, intent).locator(".tile").click()
    expect(dialog(page).get_by_role("button", name="Close")).to_be_focused()
    dialog(page).get_by_role("button", name="Retry the missing image").press("Enter")
    expect(dialog(page).locator(".said")).to_be_focused()
    expect(dialog(page).locator(".said")).to_contain_text("The job is in the queue again.")
    page.keyboard.press("Escape")
    expect(name_of(page, intent)).to_be_focused()


def test_a_live_region_tells_what_changed(page: Page, product: Product) -> None:
    first, second = unique("first"), unique("second")
    open_jobs(page)
    product.approve(intent=first)
    expect(said(page, f"{first}, Done")).to_be_attached()
    open_dialog(page, first)
    product.approve(intent=second)
    expect(dialog(page).get_by_role("status").filter(has_text=f"{second}, Done")).to_be_attached()
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Queued").click()
    expect(said(page, "^Nothing is waiting$")).to_be_attached()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_jumps_while_images_come_in(
    open_context: Callable[..., BrowserContext], product: Product, width: int
) -> None:
    page = open_context(viewport={"width": width, "height": 844}).new_page()
    page.add_init_script(SHIFTS)
    first, second = unique("first"), unique("second")
    product.approve("a kite [sandbox:delay delay=3]", intent=first, images=3)
    open_jobs(page)
    expect(card(page, first)).to_be_visible()
    product.approve("a kite", intent=second, images=2)
    for intent, images in ((first, 3), (second, 2)):
        expect(card(page, intent).locator(".tile.loaded")).to_have_count(images)
    page.wait_for_function("document.getAnimations().every((one) => !(one.effect.target?.matches?.('article')))")
    assert page.evaluate("window.shifted") < 0.1
    kept, needed = page.evaluate(HEAD)
    assert needed - kept < UNCOUNTED_PIXELS, "what is below the head may be drawn before it"
