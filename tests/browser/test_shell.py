"""What is around every page: the theme that its reader chose, words where Streamlit had its own, and no dead end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.screens import Product, open_generate, open_jobs, typed

LIGHT, DARK = "rgb(255, 255, 255)", "rgb(17, 18, 21)"


def theme(page: Page, name: str) -> Locator:
    return page.get_by_role("radiogroup", name="Theme").get_by_role("radio", name=name)


def choose_theme(page: Page, name: str) -> None:
    theme(page, name).check(force=True)  # the radio button lies below its label


def is_painted(page: Page, color: str) -> None:
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", color)


def test_a_theme_is_chosen_at_once_and_for_every_page(page: Page, product: Product) -> None:
    open_generate(page)
    is_painted(page, LIGHT)
    typed(page, "Intent").fill("a text that stays")
    choose_theme(page, "Dark")
    is_painted(page, DARK)
    expect(typed(page, "Intent")).to_have_value("a text that stays")
    expect(page.locator(".root.editor").first).to_have_css("color", "rgb(236, 236, 241)")
    open_jobs(page)
    is_painted(page, DARK)
    expect(theme(page, "Dark")).to_be_checked()
    page.reload()
    is_painted(page, DARK)
    choose_theme(page, "Light")
    is_painted(page, LIGHT)


def test_the_system_theme_follows_the_system(open_context: Callable[..., BrowserContext]) -> None:
    page = open_context(color_scheme="dark").new_page()
    open_jobs(page)
    expect(theme(page, "System")).to_be_checked()
    is_painted(page, DARK)
    page.emulate_media(color_scheme="light")
    is_painted(page, LIGHT)
    choose_theme(page, "Dark")
    is_painted(page, DARK)
    choose_theme(page, "System")
    is_painted(page, LIGHT)


def test_other_windows_take_the_theme_over(open_context: Callable[..., BrowserContext]) -> None:
    context = open_context(color_scheme="light")
    first, second = context.new_page(), context.new_page()
    for window in (first, second):
        open_jobs(window)
    choose_theme(first, "Dark")
    is_painted(second, DARK)
    expect(theme(second, "Dark")).to_be_checked()


def test_a_chosen_theme_is_there_before_anything_else_has_run(open_context: Callable[..., BrowserContext]) -> None:
    page = open_context(color_scheme="light").new_page()
    page.route("**/static/**", lambda route: route.abort())
    page.goto("/jobs")
    page.evaluate("localStorage.setItem('studio-theme', 'dark')")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == DARK


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Image Studio does not answer. This page tries again by itself."),
        ({"status": 502, "body": "<html>nginx</html>"}, "Image Studio cannot answer now (error 502)."),
        ({"status": 403, "body": ""}, "You don't have access to Image Studio. Reload the page to sign in."),
    ],
    ids=["no answer", "a proxy's error", "refused"],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_lost_connection_is_said_in_our_words(
    own_page: Page, product: Product, host: str, answer: dict[str, Any] | None, said: str
) -> None:
    own_page.route("**/_stcore/health*", lambda route: route.fulfill(**answer) if answer else route.abort())
    own_page.goto(product.url.replace("127.0.0.1", host) + "/jobs")
    told = own_page.get_by_role("dialog")
    expect(told.get_by_text("Connection lost")).to_be_visible()
    expect(told).to_contain_text(said)
    for word in ("Streamlit", "nginx", "terminal"):
        expect(told).not_to_contain_text(word)


def test_a_page_that_is_not_there_says_so_and_leads_home(page: Page, product: Product) -> None:
    answer = page.goto("/no-such-page")
    assert answer is not None
    assert answer.status == 404
    expect(page).to_have_title("Page not found · Image Studio")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    page.get_by_role("link", name="Go to Image Studio").click()
    expect(page.get_by_role("heading", name="Generate", level=1)).to_be_visible()
