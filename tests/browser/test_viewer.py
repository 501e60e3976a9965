"""The picture in a job's dialog: whole and large, at 100 %, and the way to the others."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.screens import Product, card, dialog, fits, open_dialog, open_jobs, unique

SHOWN = """(image) => {
  const box = image.getBoundingClientRect();
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  return [scale * image.naturalWidth, scale * image.naturalHeight, innerWidth, innerHeight];
}"""
"""How large the picture is, and the window."""


@pytest.fixture(scope="module")
def wide(product: Product) -> str:
    """The intent of a job with an image of 1536 x 1024."""
    intent = unique("wide")
    product.finished(product.generate("a red kite", intent=intent, size="1536x1024"))
    return intent


def whole(page: Page) -> Locator:
    """The original of the chosen image, once it is there."""
    found = dialog(page).locator("img.whole.loaded")
    expect(found).to_be_visible()
    return found


def test_the_whole_image_is_as_large_as_the_window_allows(page: Page, product: Product, wide: str) -> None:
    square = unique("square")
    product.finished(product.approve(intent=square))
    open_jobs(page)
    open_dialog(page, square)
    width, height, _, window_height = whole(page).evaluate(SHOWN)
    assert height > 0.8 * window_height
    expect(whole(page)).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")
    open_dialog(page, wide)
    expect(whole(page)).to_have_attribute("src", re.compile(r"(?<!\.thumb)\.png$"))
    dialog(page).get_by_role("button", name="Only the image").click()
    width, height, window_width, _ = whole(page).evaluate(SHOWN)
    assert min(width / window_width, 1) > 0.75
    assert width / height == pytest.approx(1.5, abs=0.01)
    expect(dialog(page).get_by_role("heading", name="Approval")).to_be_hidden()


def test_a_phone_shows_the_whole_image_too(
    open_context: Callable[..., BrowserContext], product: Product, wide: str
) -> None:
    page = open_context(viewport={"width": 390, "height": 844}).new_page()
    open_jobs(page)
    open_dialog(page, wide)
    width, height, window_width, _ = whole(page).evaluate(SHOWN)
    assert (width, height) == pytest.approx((window_width, window_width / 1.5), abs=3)
    expect(whole(page)).to_be_in_viewport(ratio=1)
    fits(page)


def test_an_image_is_shown_at_100_percent(page: Page, wide: str) -> None:
    open_jobs(page)
    open_dialog(page, wide)
    picture, zoom = whole(page), dialog(page).get_by_role("button", name="100 %")
    picture.click()
    expect(zoom).to_have_attribute("aria-pressed", "true")
    assert picture.evaluate("(image) => [image.width, image.height]") == [1536, 1024]
    expect(dialog(page).get_by_role("group", name="Image", exact=True)).to_be_focused()
    before = picture.bounding_box()
    page.keyboard.press("ArrowDown")
    page.wait_for_function(
        "([node, y]) => node.getBoundingClientRect().y < y",
        arg=[picture.element_handle(), before["y"] if before else 0],
    )
    page.keyboard.press("Escape")
    expect(zoom).to_have_attribute("aria-pressed", "false")
    expect(picture).to_be_in_viewport(ratio=1)
    zoom.press("Enter")
    expect(zoom).to_have_attribute("aria-pressed", "true")
    zoom.click()
    expect(zoom).to_have_attribute("aria-pressed", "false")


def test_arrow_keys_lead_to_other_images_and_jobs(page: Page, product: Product) -> None:
    older, newer = unique("older"), unique("newer")
    product.finished(product.approve(intent=older, images=2))
    newest = product.finished(product.approve(intent=newer, images=2))
    open_jobs(page)
    expect(card(page, newer)).to_be_visible()
    shown = open_dialog(page, newer)
    names = [f"Image {image} of 2: {intent}" for intent in (newer, older) for image in (1, 2)]
    for name in names[1:]:
        page.keyboard.press("ArrowRight")
        expect(shown.get_by_role("img", name=name)).to_be_visible()
    page.wait_for_url(lambda url: newest["jobId"] not in url)
    expect(shown.get_by_role("heading", name="Image 2", exact=True)).to_be_visible()
    for name in reversed(names[:-1]):
        page.keyboard.press("ArrowLeft")
        expect(shown.get_by_role("img", name=name)).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(shown.get_by_role("heading", name=older)).to_be_visible()
    shown.get_by_role("button", name="Next image").click()
    expect(shown.get_by_role("status").filter(has_text="Image 2 of 2")).to_be_attached()
    page.keyboard.press("ArrowUp")
    expect(shown.get_by_role("heading", name=newer)).to_be_visible()
    for button in ("Previous image", "Previous job"):  # it is the first image of the newest job
        expect(shown.get_by_role("button", name=button)).to_be_disabled()
    expect(shown.get_by_role("heading", name="Approval")).to_be_visible()
    expect(page).to_have_url(re.compile(newest["jobId"]))


def test_the_buttons_of_a_job_are_in_view_on_a_phone(
    open_context: Callable[..., BrowserContext], product: Product
) -> None:
    failed, slow = unique("failed"), unique("slow")
    product.finished(product.approve("a lost answer [sandbox:reset_after_billing count=1]", intent=failed, images=2))
    product.approve("a kite [sandbox:delay delay=20]", intent=slow)
    page = open_context(viewport={"width": 375, "height": 667}).new_page()
    open_jobs(page)
    card(page, failed).get_by_role("button", name="Retry").click()
    expect(dialog(page).get_by_role("button", name=re.compile("^Retry the missing image"))).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    card(page, slow).get_by_role("button", name="Cancel").click()
    confirm = dialog(page).get_by_role("button", name="Yes, cancel the job")
    expect(confirm).to_be_in_viewport(ratio=1)
    confirm.click()
    expect(dialog(page).get_by_text("The job is being canceled.")).to_be_in_viewport()
