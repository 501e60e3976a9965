"""The panel Options of Generate: closed it changes nothing, and what is chosen in it is shown before it is approved."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.screens import (
    Product,
    approve_button,
    fits,
    go_to_review,
    is_done,
    is_saved,
    picture,
    press_until,
    typed,
    unique,
)


def open_options(page: Page) -> Locator:
    """Open the panel Options; its models."""
    page.get_by_text("Options", exact=True).click()
    models = page.get_by_role("radiogroup", name="Model")
    expect(models).to_be_visible()
    return models


def choose_model(page: Page, name: str) -> None:
    """Choose one of the models, once the panel is drawn with it."""
    page.get_by_role("radiogroup", name="Model").get_by_role("radio", name=name).check()
    expect(page.get_by_role("button", name="Reset the options")).to_be_visible()


def choose_from(page: Page, field: str, choice: str) -> None:
    """Choose from one of the lists of the panel."""
    open_list(page, field)
    page.get_by_role("option", name=choice, exact=True).click()


def open_list(page: Page, field: str) -> None:
    """Open a list, once nothing closes it again: neither the page, drawn anew, nor the scrolling to it."""
    page.evaluate("window.drawnAt = performance.now()")
    page.wait_for_function(
        """() => {
            const now = performance.now();
            if (document.querySelector(".stApp").dataset.testScriptState !== "notRunning") window.drawnAt = now;
            return now - window.drawnAt > 700;
        }"""
    )
    box = page.get_by_role("combobox", name=field)
    box.evaluate("(node) => node.scrollIntoView({ block: 'center' })")
    box.click()


def test_without_options_the_request_is_the_one_of_version_1(page: Page, product: Product) -> None:
    intent = unique("plain")
    by_api = product.job(product.approve("a red kite", intent=unique("by the API"), raw="a red kite"))
    go_to_review(page, intent, "a red kite")
    expect(page.get_by_text("Options", exact=True)).to_be_visible()
    expect(page.get_by_role("radiogroup", name="Model")).to_have_count(0)
    approve_button(page).click()
    is_done(page)
    (found,) = product.jobs_for(intent)
    job = product.job(found["jobId"])
    assert job["request"] == by_api["request"]
    assert job["approval"]["requestSha256"] == by_api["approval"]["requestSha256"]


def test_what_is_chosen_in_the_options_is_shown_priced_and_sent(page: Page, product: Product) -> None:
    intent = unique("chosen")
    go_to_review(page, intent, "a red kite")
    open_options(page)
    choose_model(page, "GPT Image 2.5 Sunburst, up to")
    expect(page.get_by_text("gpt-image-2.5-sunburst, 1024 × 1024, medium quality, PNG")).to_be_visible()
    expect(approve_button(page)).to_contain_text("$0.0135")
    choose_from(page, "Quality", "Low")
    expect(approve_button(page)).to_contain_text("$0.0062")
    choose_from(page, "Size", "1536 × 1024")
    expect(page.get_by_text("gpt-image-2.5-sunburst, 1536 × 1024, low quality, PNG")).to_be_visible()
    expect(approve_button(page)).to_contain_text("$0.005")
    choose_from(page, "Style", "Vintage")
    expect(typed(page, "Final prompt")).to_have_value(re.compile(r"^a red kite\n\nStyle: vintage, .*\.$"))
    typed(page, "Negative prompt").fill("fog")
    expect(typed(page, "Final prompt")).to_have_value(re.compile(r"\nDo not show: fog\.$"))
    is_saved(page, "Negative prompt")
    picture(page, "generate-options", height=1720)
    shown = typed(page, "Final prompt").input_value()
    page.reload()
    expect(page.get_by_text("gpt-image-2.5-sunburst, 1536 × 1024, low quality, PNG")).to_be_visible()
    expect(typed(page, "Final prompt")).to_have_value(shown)
    approve_button(page).click()
    is_done(page)
    (found,) = product.jobs_for(intent)
    job = product.job(found["jobId"])
    assert job["finalPrompt"] == shown
    assert job["request"] == {
        "provider": "sandbox",
        "model": "gpt-image-2.5-sunburst",
        "size": "1536x1024",
        "quality": "low",
        "outputFormat": "png",
    }
    fits(page)


def test_images_on_the_way_are_priced_before_and_shown_where_they_were_approved(page: Page, product: Product) -> None:
    intent = unique("on the way")
    go_to_review(page, intent, "a red kite [sandbox:delay delay=9]")
    open_options(page)
    choose_model(page, "GPT Image 2.5 Flare, up to")
    choose_from(page, "Quality", "Low")
    expect(approve_button(page)).to_contain_text("$0.0063")
    choose_from(page, "Show it while it is made", "Up to 2 times, $0.006 more an image")
    expect(approve_button(page)).to_contain_text("$0.0123")
    expect(page.get_by_text("PNG, shown 2 times on the way")).to_be_visible()
    approve_button(page).click()
    expect(page.get_by_role("img", name="Image 1 of 1, not yet done")).to_be_visible()
    is_done(page)
    (found,) = product.jobs_for(intent)
    assert product.job(found["jobId"])["request"]["partialImages"] == 2


def test_who_may_make_it_instead_is_chosen_priced_and_approved(page: Page, product: Product) -> None:
    intent = unique("instead")
    go_to_review(page, intent, "a red kite")
    open_options(page)
    choose_model(page, "GPT Image 2.5 Flare, up to")
    before = approve_button(page).inner_text()
    open_list(page, "If it fails without a charge, go on with")
    page.get_by_role("option", name="GPT Image 2, up to $0.0533").click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("; else GPT Image 2")).to_be_visible()
    expect(page.get_by_label("Extra, up to $")).to_have_value("0.04")
    expect(approve_button(page)).not_to_have_text(before)
    picture(page, "generate-fallback", height=1720)
    approve_button(page).click()
    is_done(page)
    (found,) = product.jobs_for(intent)
    job = product.job(found["jobId"])
    assert (job["request"]["model"], [one["model"] for one in job["alternates"]]) == (
        "gpt-image-2.5-flare",
        ["gpt-image-2"],
    )
    assert job["approval"]["maxExtraMicros"] == 40_000
    fits(page)


def test_the_last_options_are_offered_again_and_can_be_reset(page: Page) -> None:
    go_to_review(page, unique("first"), "a kite")
    open_options(page)
    choose_model(page, "GPT Image 2.5 Sunburst, up to")
    choose_from(page, "Style", "Modern")
    expect(typed(page, "Final prompt")).to_have_value(re.compile("Style: modern"))
    expect(approve_button(page)).to_contain_text("$0.0138")
    approve_button(page).click()
    is_done(page)
    go_to_review(page, unique("again"), "a boat")
    open_options(page)
    press_until(
        page.get_by_role("button", name="As last time"), page.get_by_text("gpt-image-2.5-sunburst, 1024 × 1024")
    )
    expect(typed(page, "Final prompt")).to_have_value(re.compile(r"^a boat\n\nStyle: modern"))
    page.get_by_role("button", name="Reset the options").click()
    expect(page.get_by_text("gpt-image-2.5-flare, 1024 × 1024")).to_be_visible()
    expect(typed(page, "Final prompt")).to_have_value("a boat")


def test_options_are_chosen_by_the_keyboard(page: Page) -> None:
    go_to_review(page, unique("keys"), "a kite")
    models = open_options(page)
    models.get_by_role("radio", name="As usual").focus()
    page.keyboard.press("ArrowDown")
    expect(models.get_by_role("radio", name="Automatic, for speed")).to_be_checked()
    expect(models.get_by_role("radio", name="Automatic, for speed")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(models.get_by_role("radio", name="Automatic, for quality")).to_be_checked()
    expect(page.get_by_text("gpt-image-2.5-sunburst, 1024 × 1024")).to_be_visible()


def test_a_narrow_window_shows_the_names_of_models_in_a_line_or_two(
    open_context: Callable[..., BrowserContext],
) -> None:
    page = open_context(viewport={"width": 390, "height": 844}).new_page()
    go_to_review(page, unique("narrow"), "a kite")
    models = open_options(page)
    expect(models.get_by_text("Automatic, for speed", exact=True)).to_be_visible()
    heights = models.locator(".title").evaluate_all("(nodes) => nodes.map((node) => node.offsetHeight)")
    assert max(heights) < 45
    fits(page)
