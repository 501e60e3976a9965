"""Signing in and out, and what happens to open pages then, as people meet it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.axe import violations
from tests.browser.company import Company, menu, sign_in
from tests.browser.forger import Forgery
from tests.browser.screens import card, open_jobs, unique

MINUTE = 60_000
Windows = Callable[..., BrowserContext]
SIGN_IN = re.compile(r"/auth/sign-in")


@pytest.fixture
def window(open_window: Windows) -> BrowserContext:
    return open_window()


def through_the_forger(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Continue with Forger").click()


def test_who_signs_in_lands_on_the_page_that_was_wanted(window: BrowserContext) -> None:
    page = sign_in(window, "bob", "/jobs?status=Done")
    expect(page).to_have_url(re.compile(r"/jobs\?status=Done$"))
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Bob")
    assert menu(page) == ["Generate", "Jobs", "API keys"]


def test_a_callback_that_is_loaded_again_goes_on_to_the_page(window: BrowserContext) -> None:
    page = window.new_page()
    back: list[str] = []
    page.on("request", lambda request: back.append(request.url) if "/auth/callback/" in request.url else None)
    through_the_forger(page)
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Ann")
    page.goto(back[0])
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Ann")
    expect(page).not_to_have_url(re.compile("/auth/"))


def test_two_tabs_sign_in_at_once(window: BrowserContext) -> None:
    pages = [window.new_page(), window.new_page()]
    wanted = ["/jobs", "/keys"]
    for page, address in zip(pages, wanted, strict=True):
        page.goto(address)
    for page in pages:
        page.get_by_role("button", name="Continue with Example").click()
        expect(page.locator("input[name=sub]")).to_be_visible()
    for page, address in zip(pages, wanted, strict=True):
        page.locator("input[name=sub]").fill("bob")
        page.get_by_role("button", name="Authorize").click()
        expect(page).to_have_url(re.compile(f"{address}$"))
        expect(page.get_by_test_id("stSidebar")).to_contain_text("Bob")


@pytest.mark.parametrize("forgery", ["wrong audience", "alg none"])
def test_a_forged_token_lets_nobody_in(window: BrowserContext, company: Company, forgery: Forgery) -> None:
    page = window.new_page()
    company.forger.forgery = forgery
    try:
        through_the_forger(page)
        expect(page.get_by_role("heading")).to_have_text("You are not signed in")
    finally:
        company.forger.forgery = "none"
    expect(page.locator("main")).to_contain_text("What Forger signed could not be verified.")
    page.goto("/jobs")
    expect(page).to_have_url(SIGN_IN)


def test_signing_out_closes_the_other_tab(window: BrowserContext, company: Company) -> None:
    company.let_in(window, company.person("cyd"))
    other, page = window.new_page(), window.new_page()
    for tab in (other, page):
        open_jobs(tab)
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(SIGN_IN)
    expect(other).to_have_url(re.compile(r"/auth/sign-in\?next=%2Fjobs$"), timeout=MINUTE)
    expect(other.get_by_role("button", name="Continue with Example")).to_be_visible()


def test_changes_of_a_person_work_on_their_open_page(window: BrowserContext, company: Company) -> None:
    person = company.person("dan")
    company.let_in(window, person)
    page = window.new_page()
    open_jobs(page)
    assert menu(page) == ["Generate", "Jobs", "API keys"]
    person = company.change(person, "operator")
    expect(page.get_by_role("alert")).to_contain_text("This page is not for you.", timeout=MINUTE)
    assert menu(page) == ["Operations", "API keys"]
    company.change(person, is_disabled=True)
    expect(page).to_have_url(SIGN_IN, timeout=MINUTE)


def test_reviewers_see_what_is_done_and_change_nothing(window: BrowserContext, company: Company) -> None:
    intent = unique("somebody's")
    company.done_job(company.person("bob"), intent)
    company.let_in(window, company.person("eve", "reviewer"))
    page = window.new_page()
    open_jobs(page)
    assert menu(page) == ["Jobs", "API keys"]
    shown = card(page, intent)
    expect(shown.locator(".pill")).to_have_text("Done")
    assert violations(page, phone=False) == []
    shown.get_by_role("button", name=intent, exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("heading", name="Approval")).to_be_visible()
    for action in ("Retry", "Cancel"):
        expect(page.get_by_role("button", name=re.compile(f"^{action}"))).to_have_count(0)
    assert violations(page, phone=False) == []
    page.goto("/operations")
    expect(page.get_by_role("alert")).to_contain_text("This page is not for you.")


def test_operators_see_operations_and_no_prompts(window: BrowserContext, company: Company) -> None:
    intent = unique("secret")
    company.done_job(company.person("bob"), intent)
    company.let_in(window, company.person("fay", "operator"))
    page = window.new_page()
    page.goto("/")
    expect(page.get_by_role("heading", name="Operations", level=1)).to_be_visible()
    expect(page.get_by_role("region", name="Latest decisions")).to_be_visible()
    assert menu(page) == ["Operations", "API keys"]
    expect(page.get_by_text(intent)).to_have_count(0)
    assert violations(page, phone=False) == []
    for address in ("/jobs", "/people", "/audit"):
        page.goto(address)
        expect(page.get_by_role("alert")).to_contain_text("This page is not for you.")
        expect(page.get_by_text(intent)).to_have_count(0)
    assert violations(page, phone=False) == []  # of a page that is not for them
