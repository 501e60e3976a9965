"""From an image to another that is made from it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.screens import (
    Product,
    approve_button,
    fits,
    is_done,
    open_dialog,
    open_generate,
    open_jobs,
    typed,
    unique,
)


def test_an_image_is_edited_from_its_dialog(page: Page, product: Product) -> None:
    source, intent = unique("source"), unique("edit")
    made = product.finished(product.approve("a red kite", intent=source))
    open_jobs(page)
    open_dialog(page, source).get_by_role("link", name="Edit this image").click()
    chip = page.get_by_alt_text("To be edited")
    expect(chip).to_be_visible()
    typed(page, "Intent").fill(intent)
    typed(page, "Prompt").fill("the same at night")
    page.get_by_role("button", name="Use my prompt as it is").click()
    expect(approve_button(page)).to_contain_text("$0.067")
    expect(chip).to_be_visible()
    fits(page)
    page.reload()
    expect(chip).to_be_visible()
    approve_button(page).click()
    is_done(page)
    (found,) = product.jobs_for(intent)
    job = product.job(found["jobId"])
    source_id = made["images"][0]["imageId"]
    assert [one["imageId"] for one in job["request"]["references"]] == [source_id]
    open_jobs(page)
    opened = open_dialog(page, intent)
    expect(opened.get_by_role("link", name="Made from: open the full image")).to_have_attribute(
        "href", made["images"][0]["url"]
    )


def test_an_image_that_is_taken_away_is_not_edited(page: Page, product: Product) -> None:
    source, intent = unique("kept"), unique("plain")
    made = product.finished(product.approve("a red kite", intent=source))
    open_generate(page, f"/?edit={made['images'][0]['imageId']}")
    page.get_by_role("button", name="Do not edit this image").click()
    expect(page.get_by_alt_text("To be edited")).to_have_count(0)
    typed(page, "Intent").fill(intent)
    typed(page, "Prompt").fill("a red kite")
    page.get_by_role("button", name="Use my prompt as it is").click()
    approve_button(page).click()
    is_done(page)
    (found,) = product.jobs_for(intent)
    assert "references" not in product.job(found["jobId"])["request"]
