"""Generate, as a person uses it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.screens import (
    Product,
    approve_button,
    choose_count,
    describe,
    fits,
    go_to_review,
    is_done,
    is_saved,
    open_generate,
    picture,
    typed,
    unique,
)
from tests.support import long_but

EVIL = (
    '# Heading\n**bold** <b>bold</b> <script>window.hurt = 1</script><img src=x onerror="window.hurt = 1">\n'
    "![x](http://evil.example/x.png) [link](http://evil.example) $x^2$ :red[red] <style>*{display:none}</style>"
)


def test_from_an_idea_to_images(page: Page, product: Product) -> None:
    intent = "Homepage category card"
    open_generate(page)
    expect(page.locator("[aria-current=step]")).to_contain_text("Describe")
    describe(page, intent, "simple saas ui, blue")
    is_saved(page, "Prompt")
    picture(page, "generate-describe")
    page.get_by_role("button", name="Enhance prompt").click()

    final = typed(page, "Final prompt")
    expect(final).to_be_visible()
    suggestion = final.input_value()
    assert suggestion not in ("", "simple saas ui, blue")
    changed = page.get_by_role("region", name="What changed")
    expect(changed.locator("ins").first).to_be_visible()
    expect(page.locator("[aria-current=step]")).to_contain_text("Review")

    final.fill(f"{suggestion} Seen from above.")
    choose_count(page, 3)
    expect(approve_button(page)).to_have_text(re.compile(r"Generate 3 images for up to \$"))
    each = page.get_by_text(re.compile(r"Up to \$\S+ an image"))
    one, three = (Decimal(re.findall(r"\$([0-9.]+)", part.inner_text())[0]) for part in (each, approve_button(page)))
    assert 3 * one == three
    expect(page.get_by_text(re.compile(r"\$\d+\.\d\d+ left in today's budget"))).to_be_visible()
    expect(changed).to_contain_text("from above")
    is_saved(page, "Final prompt")
    picture(page, "generate-review")
    approve_button(page).click()

    made = page.get_by_role("article").first
    expect(made).to_contain_text("of 3 images")
    picture(page, "generate-progress")
    is_done(page)
    expect(made.locator("img")).to_have_count(3)
    picture(page, "generate-done")

    (listed,) = product.jobs_for(intent)
    job = product.job(listed["jobId"])
    assert job["finalPrompt"] == f"{suggestion} Seen from above."
    assert (job["status"], job["imageCount"], len(job["cdnUrls"])) == ("DONE", 3, 3)
    images = [httpx.get(url, trust_env=False).content for url in job["cdnUrls"]]
    assert len({hashlib.sha256(image).hexdigest() for image in images}) == 3
    made.get_by_role("button", name=intent, exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text(intent)


def test_what_is_approved_is_what_is_on_the_screen_to_the_letter(page: Page, product: Product) -> None:
    intent = unique("to the letter")
    prompt = "  “quotes” 'and' \"more\",\n\ttabs, \U0001f3a8 emoji, שלום, $5 & <b>\n\nand space at the end  "
    go_to_review(page, intent, "a kite")
    typed(page, "Final prompt").fill(prompt)
    approve_button(page).click()  # at once: what was typed last is approved, not what was stored last
    is_done(page)
    (listed,) = product.jobs_for(intent)
    assert product.job(listed["jobId"])["finalPrompt"] == prompt


def test_a_double_click_makes_one_job(page: Page, product: Product) -> None:
    intent = unique("double click")
    go_to_review(page, intent, "a red kite")
    approve_button(page).dblclick()
    is_done(page)
    assert len(product.jobs_for(intent)) == 1


def test_a_lost_connection_at_the_approval_makes_one_job(page: Page, product: Product) -> None:
    intent = unique("lost connection")
    go_to_review(page, intent, "a red kite")
    address = page.url
    approve_button(page).click()
    page.close()
    again = page.context.new_page()
    again.goto(address)
    article, button = again.get_by_role("article"), approve_button(again)
    expect(article.or_(button)).to_be_visible()
    if button.is_visible():
        button.click()
    is_done(again)
    assert len(product.jobs_for(intent)) == 1


def test_a_reload_keeps_what_was_typed_in_the_first_step(page: Page) -> None:
    intent = unique("typed")
    open_generate(page)
    typed(page, "Intent").fill(intent)
    typed(page, "Prompt").press_sequentially("a kite\nover hills")  # and the cursor stays in the field
    is_saved(page, "Prompt")
    assert "draft=" in page.url
    page.reload()
    expect(typed(page, "Intent")).to_have_value(intent)
    expect(typed(page, "Prompt")).to_have_value("a kite\nover hills")


def test_typing_goes_on_while_the_server_stores(page: Page) -> None:
    open_generate(page)
    text = "a quiet harbour at dawn, seen from the pier, with fishing boats and gulls, in soft watercolour"
    typed(page, "Prompt").press_sequentially(text, delay=12)
    expect(typed(page, "Prompt")).to_have_value(text)
    is_saved(page, "Prompt")
    expect(typed(page, "Prompt")).to_have_value(text)


def test_a_reload_keeps_what_was_edited_in_the_review(page: Page) -> None:
    go_to_review(page, unique("edited"), "a kite")
    typed(page, "Final prompt").fill("a kite, and a lighthouse")
    choose_count(page, 4)
    expect(approve_button(page)).to_contain_text("4 images")
    is_saved(page, "Final prompt")
    page.reload()
    expect(typed(page, "Final prompt")).to_have_value("a kite, and a lighthouse")
    expect(approve_button(page)).to_contain_text("4 images")
    expect(page.get_by_role("region", name="What changed").locator("ins")).to_contain_text("and a lighthouse")


def test_a_reload_after_the_approval_shows_the_same_job(page: Page, product: Product) -> None:
    intent = unique("reloaded")
    go_to_review(page, intent, "a kite [sandbox:delay delay=2]")
    address = page.url
    approve_button(page).click()
    expect(page.get_by_role("article").first).to_contain_text(intent)
    page.goto(address)
    expect(page.get_by_role("article")).to_contain_text(intent)
    is_done(page)
    assert len(product.jobs_for(intent)) == 1


def test_a_failing_enhancer_is_explained_and_loses_nothing(page: Page) -> None:
    intent, prompt = unique("enhancer"), f"a kite {unique('x')} [sandbox:500 target=text count=1]"
    open_generate(page)
    describe(page, intent, prompt)
    page.get_by_role("button", name="Enhance prompt").click()
    problem = page.get_by_role("alert").filter(has_text="IMG_002")
    expect(problem).to_contain_text("Nothing was charged, and your text is kept.")
    expect(problem).to_contain_text("Try again in a moment")
    expect(typed(page, "Intent")).to_have_value(intent)
    expect(typed(page, "Prompt")).to_have_value(prompt)
    expect(page.get_by_role("button", name="Use my prompt as it is")).to_be_enabled()
    page.get_by_role("button", name="Enhance prompt").click()
    expect(typed(page, "Final prompt")).to_be_visible()


def test_enhancing_shows_that_it_works(page: Page) -> None:
    open_generate(page)
    describe(page, unique("slow"), "a kite [sandbox:delay target=text delay=1.5]")
    page.get_by_role("button", name="Enhance prompt").click()
    expect(page.get_by_role("button", name="Improving your prompt")).to_be_disabled()
    expect(typed(page, "Prompt")).not_to_be_editable()
    expect(typed(page, "Final prompt")).to_be_visible()


def test_text_that_is_not_allowed_is_explained_beside_its_field(page: Page) -> None:
    open_generate(page)
    page.get_by_role("button", name="Enhance prompt").click()
    expect(page.get_by_role("alert").filter(has_text="This must not be empty.")).to_have_count(2)
    typed(page, "Intent").fill("i" * 201)
    expect(page.get_by_text("201 / 200")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="1 too many")).to_be_visible()
    typed(page, "Prompt").fill("p" * 3999)
    expect(page.get_by_text("3,999 / 4,000")).to_be_visible()
    page.get_by_role("button", name="Use my prompt as it is").click()
    expect(typed(page, "Final prompt")).to_have_count(0)
    expect(typed(page, "Prompt")).to_have_value("p" * 3999)


def test_a_price_above_the_limit_is_explained(page: Page) -> None:
    go_to_review(page, unique("too dear"), "\U0001f3a8" * 4000)
    problem = page.get_by_role("alert").filter(has_text="IMG_006")
    expect(problem).to_contain_text("the limit is $0.08 an image")
    expect(approve_button(page)).to_be_disabled()
    typed(page, "Final prompt").fill("short")
    expect(approve_button(page)).to_be_enabled()


def test_the_difference_shows_both_prompts_to_the_letter(page: Page) -> None:
    old, new = "a red  kite\n\nover the sea", "a blue kite\n\n\nover the sea ,\twith boats  "
    go_to_review(page, unique("difference"), old)
    typed(page, "Final prompt").fill(new)
    is_saved(page, "Final prompt")
    shown = page.get_by_role("region", name="What changed")
    expect(shown.locator("del").first).to_have_text("red  ", use_inner_text=False)
    assert "".join(shown.locator(":scope > :not(ins)").all_text_contents()) == old
    assert "".join(shown.locator(":scope > :not(del)").all_text_contents()) == new
    mark = shown.locator("ins .break").first
    assert mark.evaluate("(node) => getComputedStyle(node, '::before').content").startswith('"↵"')


def test_the_way_back_to_the_suggestion_and_to_the_own_words(page: Page) -> None:
    open_generate(page)
    describe(page, unique("undo"), "a kite")
    page.get_by_role("button", name="Enhance prompt").click()
    final = typed(page, "Final prompt")
    expect(final).to_be_visible()
    suggestion = final.input_value()
    final.fill("something else")
    undo = page.get_by_role("button", name="Undo", exact=True)
    page.get_by_role("button", name="Back to the suggestion").click()
    expect(final).to_have_value(suggestion)
    undo.click()
    expect(final).to_have_value("something else")
    page.get_by_role("button", name="Back to the suggestion").click()
    expect(final).to_have_value(suggestion)
    page.get_by_role("button", name="Use my own words").click()
    expect(final).to_have_value("a kite")
    expect(page.get_by_text("Nothing changed")).to_be_visible()
    undo.click()
    expect(final).to_have_value(suggestion)
    final.fill("a kite, by hand")
    page.get_by_role("button", name="Back", exact=True).click()
    expect(typed(page, "Prompt")).to_have_value("a kite")
    page.get_by_role("button", name="Keep the final prompt").click()
    expect(final).to_have_value("a kite, by hand")
    page.get_by_role("button", name="Back", exact=True).click()
    page.get_by_role("button", name=re.compile("^Enhance")).click()
    expect(final).to_have_value(suggestion)
    undo.click()
    expect(final).to_have_value("a kite, by hand")


def test_starting_from_a_request_again_is_a_new_draft(page: Page, product: Product) -> None:
    intent = unique("again")
    go_to_review(page, intent, "a kite")
    choose_count(page, 2)
    expect(approve_button(page)).to_contain_text("2 images")
    approved = page.url
    approve_button(page).click()
    is_done(page)
    page.goto(approved)
    page.get_by_role("button", name="Start from this again").click()
    expect(typed(page, "Final prompt")).to_have_value("a kite")
    expect(approve_button(page)).to_contain_text("2 images")
    assert page.url != approved
    assert len(product.jobs_for(intent)) == 1
    page.get_by_role("button", name="Back", exact=True).click()
    page.get_by_role("button", name="Clear").click()
    expect(typed(page, "Prompt")).to_have_value("")


def test_a_running_job_can_be_canceled_from_its_progress(page: Page, product: Product) -> None:
    intent = unique("cancel")
    go_to_review(page, intent, "a kite [sandbox:delay delay=20]")
    approve_button(page).click()
    page.get_by_role("button", name=f"Cancel {intent}").click()
    page.get_by_role("button", name="Yes, cancel the job").click()
    expect(page.get_by_role("dialog").get_by_text("The job is being canceled.")).to_be_visible()
    (listed,) = product.jobs_for(intent)
    assert product.job(listed["jobId"])["cancelRequestedAt"] is not None


def test_html_and_markdown_are_text_on_every_step(own_page: Page, product: Product) -> None:
    page = own_page
    intent = f"<b>{unique('evil')}</b> ![x](http://evil.example/i.png)"
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route(re.compile("evil"), refuse)
    open_generate(page)
    describe(page, intent, EVIL)
    page.get_by_role("button", name="Use my prompt as it is").click()
    typed(page, "Final prompt").fill(f"{EVIL} more")
    expect(page.get_by_role("region", name="What changed")).to_contain_text('<img src=x onerror="window.hurt = 1">')
    expect(page.get_by_role("definition").filter(has_text="# Heading")).to_be_visible()
    approve_button(page).click()
    article = page.get_by_role("article").first
    is_done(page)
    expect(article.get_by_role("button", name=intent, exact=True)).to_be_visible()
    expect(article).to_contain_text("![x](http://evil.example/x.png)")
    article.get_by_role("button", name=intent, exact=True).click()
    expect(page.get_by_role("region", name="Sent")).to_contain_text("<script>window.hurt = 1</script>")
    expect(page.get_by_role("dialog").get_by_role("heading", name=intent)).to_be_visible()
    assert page.evaluate("window.hurt") is None
    assert asked == []


def test_the_keyboard_is_enough(page: Page, product: Product) -> None:
    intent = unique("keyboard")
    open_generate(page)
    typed(page, "Intent").focus()
    page.keyboard.type(intent)
    page.keyboard.press("Tab")
    expect(typed(page, "Prompt")).to_be_focused()
    page.keyboard.type("a kite over hills")
    page.keyboard.press("Control+Enter")
    expect(typed(page, "Final prompt")).to_be_visible()
    expect(page.locator("[aria-current=step]")).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="Step 2 of 3: Review")).to_be_attached()
    typed(page, "Final prompt").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(" at dusk")
    is_saved(page, "Final prompt")
    page.wait_for_timeout(1100)  # so long is the price on the screen before the keyboard can agree to it
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name=intent, exact=True)).to_be_focused()
    is_done(page)
    (listed,) = product.jobs_for(intent)
    assert product.job(listed["jobId"])["finalPrompt"].endswith(" at dusk")


@pytest.mark.parametrize("scheme", long_but(["light", "dark"], "light"))
def test_both_themes_fit_a_laptop(open_context: Callable[..., BrowserContext], scheme: str) -> None:
    page = open_context(color_scheme=scheme).new_page()
    go_to_review(page, unique("theme"), "a kite")
    page.mouse.move(0, 0)
    fits(page)
    background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    color = typed(page, "Final prompt").evaluate("(field) => getComputedStyle(field).color")
    assert (brightness(background) > 128) == (scheme == "light")
    assert abs(brightness(background) - brightness(color)) > 150
    if scheme == "dark":
        picture(page, "generate-dark")


def brightness(color: str) -> float:
    """From 0 to 255, of a CSS color like `rgb(1, 2, 3)`."""
    return sum(int(part) for part in re.findall(r"\d+", color)[:3]) / 3


def test_the_menu_of_a_phone_closes_after_a_choice(open_context: Callable[..., BrowserContext]) -> None:
    page = open_context(viewport={"width": 390, "height": 844}).new_page()
    open_generate(page)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Jobs").click()
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    expect(page.get_by_test_id("stSidebarNavLink").first).not_to_be_in_viewport()
