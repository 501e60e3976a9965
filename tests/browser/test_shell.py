"""What is around every page: the theme that its reader chose."""

from __future__ import annotations

from collections.abc import Callable

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
