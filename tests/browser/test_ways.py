"""The ways to jobs and back: filters, pages, the browser's history, and from an approval to the new job."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.company import Company
from tests.browser.screens import (
    Product,
    approve_button,
    card,
    dialog,
    go_to_review,
    open_dialog,
    open_jobs,
    unique,
)

HISTORY = "history.length"


def is_first_and_in_view(page: Page, intent: str) -> None:
    """The job is the first one, nothing is filtered, and nobody has to scroll to see it."""
    first = page.get_by_role("article").first
    expect(first.get_by_role("button", name=intent, exact=True)).to_be_focused()
    expect(first).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("radio", name="All")).to_be_checked()
    assert page.url.endswith("/jobs")


def test_a_done_job_is_run_again_at_the_price_shown(page: Page, product: Product) -> None:
    intent = unique("once more")
    job = product.finished(product.approve(intent=intent, images=2))
    open_jobs(page, "/jobs?status=Done")
    shown = open_dialog(page, intent)
    shown.get_by_role("button", name="Run again").press("Enter")
    expect(shown.get_by_text("This makes a new job with the same prompt and options.")).to_be_focused()
    shown.get_by_role("button", name="Not now").click()
    shown.get_by_role("button", name="Run again").click()
    shown.get_by_role("button", name=re.compile(r"Generate 2 images for up to \$0\.0[2-4]\d*$")).click()
    is_first_and_in_view(page, intent)
    expect(dialog(page)).to_have_count(0)
    again, first = product.jobs_for(intent)
    assert first["jobId"] == job["jobId"]
    made = product.finished(again["jobId"])
    assert (made["source"], made["request"]) == ("dashboard", job["request"])


def test_a_failed_job_can_be_retried_or_run_again(page: Page, product: Product) -> None:
    intent = unique("partly failed")
    product.finished(product.approve(f"no such thing [sandbox:400 count=1] {intent}", intent=intent, images=2))
    open_jobs(page)
    shown = open_dialog(page, intent)
    expect(
        shown.get_by_role("button", name=re.compile(r"Retry the missing image for up to \$0\.01\d*$"))
    ).to_be_visible()
    shown.get_by_role("button", name="Run again").click()
    shown.get_by_role("button", name=re.compile(r"Generate 2 images for up to \$0\.0[2-4]\d*$")).click()
    is_first_and_in_view(page, intent)
    assert len(product.jobs_for(intent)) == 2


def test_no_filter_hides_what_was_just_approved(page: Page, product: Product) -> None:
    intent = unique("behind a filter")
    open_jobs(page, "/jobs?status=Failed")
    page.get_by_role("link", name="Generate").click()
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()
    go_to_review(page, intent, "a kite")
    approved = page.url
    approve_button(page).click()
    is_first_and_in_view(page, intent)
    page.goto(approved)
    expect(page.get_by_text("1024 × 1024 px")).to_be_visible()


def test_a_portrait_is_whole_on_its_card(page: Page, product: Product) -> None:
    intent = unique("portrait")
    product.finished(product.generate("a kite", intent=intent, size="1024x1536"))
    open_jobs(page)
    tile, mosaic = card(page, intent).locator(".tile"), card(page, intent).locator(".mosaic")
    expect(tile).to_have_class(re.compile("loaded"))
    shown, around = tile.bounding_box(), mosaic.bounding_box()
    assert shown is not None
    assert around is not None
    assert shown["width"] / shown["height"] == pytest.approx(2 / 3, abs=0.02)
    assert shown["height"] == pytest.approx(around["height"], abs=8)
    assert tile.locator("img").evaluate("(node) => getComputedStyle(node).objectFit") == "contain"


def test_looking_at_a_job_is_one_step_of_the_history(page: Page, product: Product) -> None:
    intent = unique("history")
    product.finished(product.approve(intent=intent))
    open_jobs(page)
    before = page.evaluate(HISTORY)
    open_dialog(page, intent)
    page.wait_for_url(re.compile("job=imgjob_"))
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: url.endswith("/jobs"))
    expect(dialog(page)).to_have_count(0)
    open_dialog(page, intent)
    assert page.evaluate(HISTORY) == before + 1
    page.go_back()
    expect(dialog(page)).to_have_count(0)
    assert page.url.endswith("/jobs")
    page.go_forward()
    expect(dialog(page).get_by_role("heading", name="Approval")).to_be_visible()
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: url.endswith("/jobs"))
    expect(dialog(page)).to_have_count(0)
    assert page.evaluate(HISTORY) == before + 1


def test_admins_filter_by_person_and_the_filter_hides_no_new_job(
    open_window: Callable[..., BrowserContext], company: Company
) -> None:
    ann, bob = company.person("ann", "admin"), company.person("bob")
    anns, bobs, new = unique("anns"), unique("bobs"), unique("new")
    company.done_job(ann, anns)
    company.done_job(bob, bobs)
    context = open_window()
    company.let_in(context, ann)
    page = context.new_page()
    open_jobs(page)
    expect(card(page, bobs).locator(".owner")).to_have_text("Bob")
    page.get_by_role("combobox", name="Person").click()
    page.get_by_role("option", name="Bob").click()
    expect(card(page, anns)).to_have_count(0)
    expect(card(page, bobs)).to_be_visible()
    assert "person=Bob" in page.url
    page.get_by_role("link", name="Generate").click()
    go_to_review(page, new, "a kite")
    approve_button(page).click()
    is_first_and_in_view(page, new)
    expect(card(page, anns)).to_be_visible()
