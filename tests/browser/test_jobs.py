"""Jobs, as a person uses it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.screens import (
    Product,
    card,
    clipboard,
    dialog,
    fits,
    open_dialog,
    open_generate,
    open_jobs,
    picture,
    typed,
    unique,
)
from tests.support import long_but, wait_until

DOUBTFUL = "a lost answer [sandbox:reset_after_billing count=1]"
"""The provider charges, then the connection breaks: perhaps charged."""

REFUSED = "no such thing [sandbox:400 count=1]"
"""The provider refuses the first image; a retry succeeds."""

SCROLLED = "document.querySelector('[data-testid=stMain]').scrollTop"

PROMPTS = (
    "Autumn leaves on a wooden table, warm afternoon light, room for a headline on the left, editorial photography",
    "A tent above a lake at first light, thin fog on the water, wide angle, natural colours",
    "A tidy desk by a window, plants, soft shadows, seen from above, calm palette with one green accent",
    "A handmade ceramic mug on linen, window light from the left, shallow depth of field, neutral background, no text",
    "Paper kites over green hills, layered paper cut style, gentle gradients, generous empty space at the top",
    "A small paper boat on still water, minimal, two colours, lots of empty space around it, friendly and quiet",
)


def test_the_gallery_follows_by_itself_while_a_dialog_stays_as_it_is(page: Page, product: Product) -> None:
    doubtful, newer = unique("doubtful"), unique("newer")
    product.finished(product.approve(f"{DOUBTFUL} {doubtful}", intent=doubtful))
    slow = product.approve("a kite [sandbox:delay delay=6]", intent=unique("slow"))
    open_jobs(page)
    open_dialog(page, doubtful)
    agree = page.get_by_role("checkbox")
    agree.check()
    side = page.locator(".side")
    side.evaluate("(node) => node.scrollTo(0, 40)")
    page.evaluate("document.querySelector('.stApp').dataset.same = 'yes'")
    first = card(page, doubtful).element_handle()

    product.approve("another kite", intent=newer)
    expect(card(page, newer).locator(".pill")).to_have_text("Done")
    expect(card(page, newer).locator("img")).to_have_count(1)
    product.finished(slow)
    expect(dialog(page)).to_be_visible()
    expect(agree).to_be_checked()
    assert side.evaluate("(node) => node.scrollTop") == 40
    assert first is not None
    assert first.evaluate("(node) => node.isConnected")
    assert page.evaluate("document.querySelector('.stApp').dataset.same") == "yes"


def test_a_job_at_work_says_how_far_it_is(page: Page, product: Product) -> None:
    intent, own = unique("how far"), "gpt-image-2.6-sunburst"  # no other test is in the history of this model
    past = product.generate("a kite [sandbox:delay delay=10]", intent=unique("the history of the model"), model=own)
    product.finished(past)
    open_jobs(page)
    job_id = product.generate("a kite [sandbox:delay delay=12]", intent=intent, model=own)
    shown = card(page, intent)
    meter = shown.get_by_role("progressbar")
    expect(shown).to_contain_text(re.compile(r"About [1-9][0-9]? % done, by an estimate"))
    node = meter.element_handle()
    before = int(meter.get_attribute("aria-valuenow") or 0)
    page.wait_for_function("([node, before]) => Number(node.ariaValueNow) > before", arg=[node, before])
    assert int(meter.get_attribute("aria-valuenow") or 0) <= 95
    product.finished(job_id)
    expect(shown.locator(".pill")).to_have_text("Done")
    expect(meter).to_be_hidden()
    expect(shown).not_to_contain_text("estimate")


def test_an_image_is_seen_on_its_way_until_it_is_there(page: Page, product: Product) -> None:
    intent, model = unique("on the way"), "gpt-image-2.5-flare"
    open_jobs(page)
    job_id = product.generate(
        f"a kite [sandbox:delay delay=15] {intent}", intent=intent, model=model, quality="low", partialImages=2
    )
    tile = card(page, intent).locator(".tile")
    expect(tile.get_by_role("img", name="Image 1 of 1, not yet done")).to_be_visible()
    expect(tile).to_have_class(re.compile(r"\bpartial\b"))
    expect(tile.locator(".word")).to_be_visible()
    first = tile.locator("img").get_attribute("src")
    expect(tile.locator(f"img:not([src='{first}'])")).to_have_count(1)
    picture(page, "jobs-on-the-way")
    product.finished(job_id)
    expect(tile.get_by_role("img", name=f"Image 1 of 1: {intent}")).to_be_visible()
    expect(tile).not_to_have_class(re.compile(r"\bpartial\b"))
    expect(tile.locator("img")).to_have_count(1)


def test_the_page_may_listen_to_a_jobs_events(page: Page, product: Product) -> None:
    """An EventSource of a browser hears a job to its end, through the gate and all that surrounds requests."""
    open_jobs(page)
    job_id = product.approve("a kite [sandbox:delay delay=2]", intent=unique("events"), images=2)
    heard = page.evaluate(
        """(job) => new Promise((done) => {
            const heard = [], source = new EventSource(`/image/job-events/${job}`);
            for (const type of ["queued", "started", "progress", "generated", "image", "completed", "error"])
                source.addEventListener(type, (event) => {
                    heard.push([type, event.lastEventId]);
                    if (type === "completed") { source.close(); done(heard); }
                });
        })""",
        job_id,
    )
    numbers = [int(number) for kind, number in heard if kind != "progress"]
    assert numbers == [*range(1, len(numbers) + 1)]
    assert any(kind == "progress" for kind, _ in heard)


def test_a_refresh_loads_no_image_again_and_never_an_original(own_page: Page, product: Product) -> None:
    page = own_page
    intent = unique("thumbnails")
    product.finished(product.approve(intent=intent, images=2))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/generated/" in request.url else None)
    open_jobs(page)
    expect(card(page, intent).locator(".tile.loaded")).to_have_count(2)
    newer = unique("newer")
    product.approve(intent=newer)
    expect(card(page, newer).locator(".tile.loaded")).to_have_count(1)
    assert asked
    assert all(url.endswith(".thumb.webp") for url in asked)
    assert len(asked) == len(set(asked))


def test_copying_one_address_and_all_of_them(page: Page, product: Product) -> None:
    intent = unique("copy")
    job = product.finished(product.approve(intent=intent, images=2))
    open_jobs(page)
    shown = card(page, intent)
    shown.get_by_role("button", name="Copy all 2 URLs").click()
    expect(shown.get_by_role("button", name="Copy all 2 URLs")).to_contain_text("Copied")
    assert clipboard(page) == "\n".join(job["cdnUrls"])
    shown.locator(".tile").nth(1).hover()
    shown.get_by_role("button", name="Copy URL of image 2").click()
    expect(shown.get_by_role("status").filter(has_text="Copied").first).to_be_attached()
    assert clipboard(page) == job["cdnUrls"][1]
    open_dialog(page, intent).get_by_role("button", name="Copy URL", exact=True).click()
    expect(dialog(page).get_by_role("button", name="Copy URL", exact=True)).to_contain_text("Copied")
    assert clipboard(page) == job["cdnUrls"][0]


def test_copying_works_without_the_clipboard_api(own_page: Page, product: Product) -> None:
    page = own_page
    intent = unique("copy plain")
    job = product.finished(product.approve(intent=intent))
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    open_jobs(page)
    card(page, intent).get_by_role("button", name="Copy the URL").click()
    expect(card(page, intent).get_by_role("button", name="Copy the URL")).to_contain_text("Copied")
    open_generate(page)
    typed(page, "Prompt").focus()
    page.keyboard.press("Control+v")
    expect(typed(page, "Prompt")).to_have_value(job["cdnUrls"][0])


def test_a_failed_job_says_why_and_a_retry_makes_what_is_missing(page: Page, product: Product) -> None:
    intent = unique("refused")
    job_id = product.approve(f"{REFUSED} {intent}", intent=intent, images=2)
    before = product.finished(job_id)
    assert (before["status"], len(before["cdnUrls"])) == ("FAILED", 1)
    open_jobs(page)
    shown = card(page, intent)
    expect(shown.locator(".pill")).to_have_text("Failed")
    expect(shown).to_contain_text("1 of 2 images were made.")
    expect(shown.locator(".error")).to_have_text(before["error"])
    shown.get_by_role("button", name=f"Retry {intent}").click()
    button = dialog(page).get_by_role("button", name=re.compile(r"Retry the missing image for up to \$0\.01\d*$"))
    button.click()
    expect(dialog(page).get_by_text("The job is in the queue again.")).to_be_visible()
    expect(dialog(page).locator("header .pill")).to_have_text("Done")
    after = product.finished(job_id)
    assert after["status"] == "DONE"
    assert len(after["cdnUrls"]) == 2
    assert set(before["cdnUrls"]) < set(after["cdnUrls"])
    expect(dialog(page).get_by_role("heading", name="Retry 1")).to_be_visible()


def test_a_retry_of_what_was_perhaps_charged_has_to_be_accepted(page: Page, product: Product) -> None:
    intent = unique("in doubt")
    job_id = product.approve(f"{DOUBTFUL} {intent}", intent=intent)
    product.finished(job_id)
    open_jobs(page)
    expect(card(page, intent).locator(".pill")).to_have_text("Perhaps charged")
    open_dialog(page, intent)
    expect(dialog(page).locator(".warning")).to_contain_text(
        re.compile(r"1 image was perhaps charged already: up to \$0\.01\d*\.")
    )
    button = dialog(page).get_by_role("button", name="Retry the missing image")
    expect(button).to_be_disabled()
    picture(page, "job-perhaps-charged")
    page.get_by_role(
        "checkbox", name=re.compile(r"I accept that up to \$0\.01\d* may have been spent for nothing\.")
    ).check()
    button.click()
    expect(dialog(page).locator("header .pill")).to_have_text("Done")
    attempts = product.finished(job_id)["images"][0]["attempts"]
    assert [attempt["certainty"] for attempt in attempts] == ["unknown", "charged"]


def test_canceling_asks_first(page: Page, product: Product) -> None:
    intent = unique("cancel")
    job_id = product.approve("a kite [sandbox:delay delay=20]", intent=intent)
    open_jobs(page)
    card(page, intent).get_by_role("button", name=f"Cancel {intent}").click()
    page.get_by_role("button", name="Let it go on").click()
    assert product.job(job_id)["cancelRequestedAt"] is None
    page.get_by_role("button", name="Cancel this job").click()
    page.get_by_role("button", name="Yes, cancel the job").click()
    expect(dialog(page).get_by_text("The job is being canceled.")).to_be_visible()
    assert product.job(job_id)["cancelRequestedAt"] is not None


def test_the_dialog_has_every_fact(page: Page, product: Product) -> None:
    intent, prompt = "Landing page: spring", PROMPTS[4]
    job = product.finished(product.approve(prompt, intent=intent, images=3, raw="paper kites, green hills"))
    open_jobs(page)
    shown = open_dialog(page, intent)
    approval, image = job["approval"], job["images"][1]
    shown.get_by_role("button", name="Image 2, Done").click()
    expect(shown.get_by_role("heading", name="Image 2", exact=True)).to_be_visible()
    for fact in (
        job["jobId"],
        approval["requestSha256"],
        approval["endpointSha256"],
        approval["priceTable"],
        image["imageId"],
        image["url"],
        image["thumbnailUrl"],
        image["attempts"][0]["providerRequestId"],
        image["attempts"][0]["attemptId"],
        image["attempts"][0]["budgetDay"],
        "You, on this machine",
        "1024 × 1024, as asked",
        "PNG, as asked",
        "Sandbox, no real money",
        job["request"]["model"],
    ):
        expect(shown).to_contain_text(fact)
    expect(shown.get_by_role("region", name="Sent")).to_have_text(prompt)
    expect(shown.get_by_role("region", name="Typed")).to_have_text("paper kites, green hills")
    expect(shown.get_by_role("link", name="Open full image")).to_have_attribute("href", image["url"])
    expect(shown.get_by_role("link", name="Open full image")).to_have_attribute("target", "_blank")
    picture(page, "job-dialog")


def test_a_missing_usage_is_never_shown_as_nothing(page: Page, product: Product) -> None:
    intent = unique("no usage")
    product.finished(product.approve("a kite [sandbox:no_usage]", intent=intent))
    open_jobs(page)
    shown = open_dialog(page, intent)
    expect(shown).to_contain_text("as quoted: the provider reported no usage")
    expect(shown).not_to_contain_text("$0.00,")


def test_the_record_says_who_made_an_image_and_why_it_was_not_the_first(page: Page, product: Product) -> None:
    intent, second = unique("fallback"), "gpt-image-2.5-sunburst"
    job_id = product.generate(
        f"{REFUSED} {intent}", intent=intent, model="gpt-image-2.5-flare", fallback=[second], maxExtraMicros=1_000
    )
    why = product.finished(job_id)["images"][0]["attempts"][1]["why"]
    open_jobs(page)
    shown = open_dialog(page, intent)
    expect(shown.locator("header .pill")).to_have_text("Done")
    expect(shown).to_contain_text(f"{second} of the sandbox, 1024 × 1024, medium, PNG")
    expect(shown.get_by_role("heading", name="Image 1 · Attempt 2 of 2")).to_be_visible()
    expect(shown).to_contain_text(why)


def test_a_download_has_the_bytes_of_the_original(page: Page, product: Product) -> None:
    intent = unique("download")
    job = product.finished(product.approve(intent=intent))
    open_jobs(page)
    open_dialog(page, intent)
    with page.expect_download() as download:
        dialog(page).get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == job["cdnUrls"][0].rsplit("/", 1)[1]


def test_filters_and_their_addresses(page: Page, product: Product) -> None:
    good, bad = unique("good"), unique("bad")
    product.finished(product.approve(intent=good))
    product.finished(product.approve(f"{REFUSED} {bad}", intent=bad))
    open_jobs(page)
    page.get_by_role("radio", name="Failed").click()
    expect(card(page, bad)).to_be_visible()
    expect(card(page, good)).to_have_count(0)
    assert "status=Failed" in page.url
    page.reload()
    expect(card(page, bad)).to_be_visible()
    expect(card(page, good)).to_have_count(0)
    page.get_by_role("radio", name="Queued").click()
    expect(page.locator(".empty")).to_contain_text("Nothing is waiting")
    page.get_by_role("radio", name="Done").click()
    expect(card(page, good)).to_be_visible()
    expect(card(page, bad)).to_have_count(0)


def test_older_and_newer_pages_survive_a_reload(page: Page, product: Product) -> None:
    intents = [unique(f"page {number}") for number in range(22)]
    ids = [product.approve(intent=intent) for intent in intents]
    for job_id in ids:
        product.finished(job_id)
    open_jobs(page)
    expect(page.get_by_role("article")).to_have_count(20)
    expect(card(page, intents[-1])).to_be_visible()
    page.get_by_role("button", name="Older", exact=True).click()
    expect(card(page, intents[0])).to_be_visible()
    page.wait_for_function(f"{SCROLLED} === 0")
    expect(card(page, intents[-1])).to_have_count(0)
    expect(page.get_by_text("Page 2")).to_be_visible()
    page.reload()
    expect(card(page, intents[0])).to_be_visible()
    expect(page.get_by_text("Page 2")).to_be_visible()
    page.get_by_role("button", name="Newer", exact=True).click()
    expect(card(page, intents[-1])).to_be_visible()
    assert "page=" not in page.url
    page.get_by_role("radio", name="Done").click()
    page.wait_for_url(re.compile("status=Done"))
    expect(card(page, intents[-1])).to_be_in_viewport()
    assert page.evaluate(SCROLLED) == 0


def test_a_job_has_an_address(page: Page, product: Product) -> None:
    intent = unique("address")
    job_id = product.approve(intent=intent)
    product.finished(job_id)
    open_jobs(page, f"/jobs?job={job_id}")
    expect(dialog(page).get_by_role("heading", name=intent)).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    page.wait_for_url(lambda url: "job=" not in url)
    open_dialog(page, intent)
    page.wait_for_url(re.compile(f"job={job_id}"))
    page.reload()
    expect(dialog(page).get_by_role("heading", name=intent)).to_be_visible()
    open_jobs(page, "/jobs?job=imgjob_01ARZ3NDEKTSV4RRFFQ69G5FAV")
    expect(page.get_by_text("There is no such job.")).to_be_visible()


def test_the_keyboard_is_enough(page: Page, product: Product) -> None:
    intent = unique("keyboard")
    job = product.finished(product.approve(intent=intent))
    open_jobs(page)
    name = card(page, intent).get_by_role("button", name=intent, exact=True)
    page.get_by_role("radio", name="All").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        if name.evaluate("(node) => node.getRootNode().activeElement === node"):
            break
    expect(name).to_be_focused()
    outline = name.evaluate("(node) => getComputedStyle(node).outlineStyle")
    assert outline != "none"
    page.keyboard.press("Enter")
    expect(dialog(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(name).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    wait_until(lambda: clipboard(page) == job["cdnUrls"][0], "the URL is copied", every=0.1)


def test_html_and_markdown_are_text(page: Page, product: Product) -> None:
    intent = f"<i>{unique('evil')}</i> **bold** ![x](http://evil.example/x.png)"
    prompt = "![x](http://evil.example/x.png) <img src=x onerror='window.hurt = 1'>"
    product.finished(product.approve(prompt, intent=intent))
    open_jobs(page)
    expect(card(page, intent)).to_contain_text("<img src=x onerror='window.hurt = 1'>")
    open_dialog(page, intent)
    expect(dialog(page).get_by_role("region", name="Sent")).to_have_text(prompt)
    assert page.evaluate("window.hurt") is None


@pytest.mark.parametrize("scheme", long_but(["light", "dark"], "light"))
def test_both_themes_fit_a_laptop(open_context: Callable[..., BrowserContext], product: Product, scheme: str) -> None:
    ids = [
        product.approve(f"{PROMPTS[number]}{tag}", intent=intent, images=images)
        for number, (intent, images, tag) in enumerate(
            (
                ("Homepage hero", 3, ""),
                ("Category card: outdoor", 1, ""),
                ("Blog header", 4, ""),
                ("Product shot: mug", 2, f" {scheme} [sandbox:400 count=1]"),
                ("Newsletter banner", 5, ""),
            )
        )
    ]
    for job_id in ids:
        product.finished(job_id)
    running = product.approve(f"{PROMPTS[5]} [sandbox:delay delay=3]", intent="Empty state", images=2)
    page = open_context(color_scheme=scheme).new_page()
    open_jobs(page)
    expect(page.locator(".tile.loaded").nth(12)).to_be_attached()
    fits(page)
    colors = page.get_by_role("article").first.evaluate(
        "(node) => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color]"
    )
    light, dark = (sum(map(int, re.findall(r"\d+", color)[:3])) / 3 for color in colors)
    assert (light > dark) == (scheme == "light")
    assert abs(light - dark) > 150
    picture(page, "jobs" if scheme == "light" else "jobs-dark")
    product.finished(running)
