"""Operations, as an operator uses it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.screens import (
    Product,
    approve_button,
    card,
    dialog,
    fits,
    go_to_review,
    item,
    open_dialog,
    open_jobs,
    open_operations,
    part,
    picture,
    unique,
)
from tests.support import long_but, wait_until

GONE = "web-2-4f2a9c"


@pytest.fixture(autouse=True)
def _at_rest(product: Product) -> Iterator[None]:
    product.come_to_rest()
    yield
    product.come_to_rest()


def confirm(row: Locator, action: str, button: str, reason: str | None = None) -> None:
    """Press `action`, write why, and confirm it."""
    row.get_by_role("button", name=action, exact=True).click()
    if reason is not None:
        row.get_by_label("Why, for the record").fill(reason)
    row.get_by_role("button", name=button, exact=True).click()


def reply(page: Page, words: str) -> None:
    """Wait until the page says what became of an order."""
    expect(page.locator(".reply")).to_contain_text(words)


def test_a_studio_at_rest_needs_nobody(page: Page) -> None:
    open_operations(page)
    expect(part(page, "Needs you")).to_contain_text("Nothing needs you")
    expect(part(page, "Waiting for storage")).to_contain_text("Every image that was made is in the bucket.")
    expect(part(page, "Perhaps charged")).to_contain_text("No image is in doubt")
    expect(part(page, "Queue")).to_contain_text("Nobody waits")
    expect(item(page, "Providers", "The sandbox").locator(".pill")).to_have_text("Works")
    runner = part(page, "Runners")
    expect(runner.locator(".pill")).to_have_text("Alive")
    expect(runner).to_contain_text("0 of 8")
    expect(runner).to_contain_text(re.compile(r"Last seen(now|\d+ s ago)"))


def test_a_pause_keeps_jobs_waiting_until_it_ends(page: Page, product: Product) -> None:
    intent, reason = unique("paused"), unique("prices are looked at")
    open_operations(page)
    everything = item(page, "Calls to providers", "Everything")
    everything.get_by_role("button", name="Pause everything").click()
    expect(everything).to_contain_text("No call is started; calls in flight are finished; approvals wait.")
    everything.get_by_role("button", name="Pause everything").click()
    expect(everything.get_by_role("alert")).to_have_text("Write down why, for the record.")
    everything.get_by_label("Why, for the record").fill(reason)
    page.keyboard.press("Enter")
    reply(page, "Everything is paused.")
    needed = part(page, "Needs you")
    expect(needed).to_contain_text("Everything is paused")
    expect(page.get_by_role("status").filter(has_text="Needs you: Everything is paused")).to_be_attached()
    expect(needed).to_contain_text(reason)
    expect(needed).to_contain_text("By you, on this machine")

    wait_until(product.pause_is_known, "every process knows of the pause")
    job_id = product.approve(intent=intent)
    jobs = page.context.new_page()
    open_jobs(jobs)
    expect(card(jobs, intent)).to_contain_text(f"Next in the queue. Nothing is started at present: {reason}")
    expect(part(page, "Queue")).to_contain_text("1 job")
    assert product.job(job_id)["status"] == "QUEUED"

    confirm(everything, "Resume", "Resume everything", "prices are right")
    reply(page, "Everything goes on.")
    expect(needed).to_contain_text("Nothing needs you")
    expect(card(jobs, intent).locator(".pill")).to_have_text("Done")
    expect(part(page, "Latest decisions").locator(".item").first).to_contain_text("Everything resumed")
    expect(part(page, "Latest decisions").locator(".item").first).to_contain_text("prices are right")


def test_a_provider_is_limited_and_who_waits_is_told(page: Page, product: Product) -> None:
    reason = unique("they asked us to")
    open_operations(page)
    sandbox = item(page, "Providers", "The sandbox")
    sandbox.get_by_role("button", name="Change its limits").click()
    sandbox.get_by_label("Calls a minute").fill("many")
    sandbox.get_by_label("Why, for the record").fill(reason)
    sandbox.get_by_role("button", name="Set the limits of the sandbox").click()
    expect(sandbox).to_contain_text("Write how many calls as a whole number, or nothing where there is no limit.")
    sandbox.get_by_label("Calls a minute").fill("1")
    sandbox.get_by_role("button", name="Set the limits of the sandbox").click()
    reply(page, "The limits of the sandbox are set.")
    expect(part(page, "Latest decisions").locator(".item").first).to_contain_text(
        "the sandbox not limited → 1 a minute"
    )

    asked: list[str] = []

    def somebody_waits() -> bool:
        """A limit is in force in every process within two seconds: what is approved sooner may still pass."""
        asked.append(product.approve(intent=unique("paced")))
        page.wait_for_timeout(1_000)  # Playwright's clock: the page goes on meanwhile
        return "Waiting for the provider's rate: at most 1 call a minute." in sandbox.inner_text()

    wait_until(somebody_waits, "a call waits for the provider's rate")
    expect(sandbox).to_contain_text("1 of 1")
    sandbox.get_by_role("button", name="Change its limits").click()
    sandbox.get_by_label("Calls a minute").fill("")
    sandbox.get_by_label("Why, for the record").fill("they allow more")
    sandbox.get_by_role("button", name="Set the limits of the sandbox").click()
    reply(page, "The limits of the sandbox are set.")
    assert [product.finished(job_id)["status"] for job_id in asked] == ["DONE"] * len(asked)


def test_images_in_doubt_are_decided_in_each_way(page: Page, product: Product) -> None:
    lost, free, again = unique("lost"), unique("free"), unique("again")
    ids = {intent: product.doubtful(intent) for intent in (lost, free, again)}
    spent = product.operations()["spend"]["spentMicros"]
    open_operations(page)
    expect(part(page, "Needs you")).to_contain_text("3 images were perhaps charged")
    inbox = part(page, "Perhaps charged")
    part(page, "Needs you").get_by_role("button", name="Look at it").click()
    expect(inbox.locator("h2")).to_be_focused()

    row = item(page, "Perhaps charged", lost)
    expect(row.get_by_role("link", name="Open the job")).to_have_attribute("href", f"jobs?job={ids[lost]}")
    row.get_by_role("button", name="Accept as lost").click()
    expect(row).to_contain_text("stays counted as spent, because it was perhaps charged")
    row.get_by_role("button", name=re.compile(r"Accept \$0\.01\d* as lost")).click()
    reply(page, "Accepted as lost. The money stays counted as spent.")
    expect(row).to_have_count(0)
    assert product.operations()["spend"]["spentMicros"] == spent

    cost = product.job(ids[free])["images"][0]["attempts"][0]["costMicros"]
    row = item(page, "Perhaps charged", free)
    row.get_by_role("button", name="Mark as not charged").click()
    expect(row).to_contain_text("is given back to the budget of its day")
    row.get_by_role("button", name=re.compile(r"Give \$0\.01\d* back")).click()
    reply(page, "Marked as not charged. The money is given back.")
    assert product.operations()["spend"]["spentMicros"] == spent - cost

    row = item(page, "Perhaps charged", again)
    row.get_by_role("button", name="Retry").click()
    button = row.get_by_role("button", name=re.compile(r"Retry the missing image for up to \$0\.01\d*$"))
    expect(button).to_be_disabled()
    expect(row).to_contain_text(
        re.compile(r"Up to \$0\.01\d* was perhaps charged already, so that you may pay twice\.")
    )
    row.get_by_role("checkbox").check()
    button.click()
    reply(page, "The job is in the queue again.")
    expect(inbox).to_contain_text("No image is in doubt")
    certainties = [one["certainty"] for one in product.finished(ids[again])["images"][0]["attempts"]]
    assert certainties == ["unknown", "charged"]


def test_images_in_doubt_are_decided_in_the_dialog_of_their_job(page: Page, product: Product) -> None:
    lost, free = unique("lost"), unique("free")
    ids = {intent: product.doubtful(intent) for intent in (lost, free)}
    open_jobs(page)
    for intent, action, said, certainty in (
        (lost, "Accept as lost", "Accepted as lost.", "unknown"),
        (free, "Mark as not charged", "Marked as not charged.", "not_charged"),
    ):
        shown = open_dialog(page, intent)
        expect(shown.locator(".choices")).to_contain_text(re.compile(r"Image 1 was perhaps charged: up to \$0\.01"))
        shown.get_by_role("button", name=action).click()
        shown.get_by_label("Why, for the record").fill(f"{intent} looked at")
        page.keyboard.press("Enter")
        expect(shown.get_by_text(said)).to_be_visible()
        expect(shown.locator(".choices")).to_be_empty()
        image = product.job(ids[intent])["images"][0]
        assert (image["state"], image["attempts"][0]["certainty"]) == ("FAILED", certainty)
        assert product.operations()["audit"][0]["reason"].endswith(f"{intent} looked at")
        page.keyboard.press("Escape")
        expect(dialog(page)).to_have_count(0)


def test_a_job_whose_model_is_paused_can_still_be_decided_about(page: Page, product: Product) -> None:
    intent = unique("paused model")
    model = product.job(product.doubtful(intent))["request"]["model"]
    product.pause(f"model:{model}", "its price is wrong")
    open_jobs(page)
    shown = open_dialog(page, intent)
    expect(shown).to_contain_text(f"The model {model} is paused: its price is wrong")
    expect(shown.get_by_role("button", name="Accept as lost")).to_be_visible()


def test_images_on_a_machine_that_is_gone_are_declared_lost(page: Page, product: Product) -> None:
    on_page, in_dialog = unique("on the page"), unique("in the dialog")
    ids = {intent: str(product.finished(product.approve(intent=intent))["jobId"]) for intent in (on_page, in_dialog)}
    product.strand(ids[in_dialog], GONE)
    open_jobs(page)
    expect(card(page, in_dialog).locator(".tile")).to_have_text("Waiting for storage")
    shown = open_dialog(page, in_dialog)
    expect(shown.locator(".choices")).to_contain_text("Image 1 is on a machine that is gone")
    confirm(shown, "Declare 1 image lost", "Declare 1 image lost", "the disk is broken")
    expect(shown.get_by_text("Declared lost. The money stays spent.")).to_be_visible()
    assert product.job(ids[in_dialog])["errorCode"] == "STORAGE"

    product.strand(ids[on_page], GONE)
    open_operations(page)
    expect(part(page, "Needs you")).to_contain_text("1 image is on a machine that is gone")
    machine = item(page, "Waiting for storage", GONE)
    expect(machine.locator(".pill")).to_have_text("Gone")
    expect(machine.get_by_role("link", name=f"{on_page}, image 1")).to_be_visible()
    machine.get_by_role("button", name="Declare 1 image lost").click()
    expect(machine).to_contain_text(re.compile(r"It was made and charged: \$0\.01\d* stays spent."))
    machine.get_by_role("button", name="Declare 1 image lost").click()
    reply(page, "Declared lost. The money stays spent.")
    expect(part(page, "Needs you")).to_contain_text("Nothing needs you")
    assert product.job(ids[on_page])["status"] == "FAILED"


def test_limits_are_changed_within_their_ceilings(page: Page, product: Product) -> None:
    open_operations(page)
    limits = part(page, "Limits")
    limits.get_by_role("button", name="Change the limits").click()
    limits.get_by_label("Everybody, a day, in USD").fill("20.01")
    limits.get_by_label("Each user, a day, in USD").fill("five")
    limits.get_by_label("Why, for the record").fill("a quiet week")
    send = limits.get_by_role("button", name="Set these limits")
    send.click()
    refused = limits.get_by_role("alert")
    expect(refused).to_contain_text("Write each amount in dollars with a point, such as 12.50.")
    limits.get_by_label("Each user, a day, in USD").fill("5")
    send.click()
    expect(refused).to_contain_text("At most $20.00 is possible here: DAILY_BUDGET_USD is the ceiling.")
    expect(limits.get_by_label("Why, for the record")).to_have_value("a quiet week")
    limits.get_by_label("Everybody, a day, in USD").fill("12.5")
    product.set_limits(perImageMicros=40_000)
    send.click()
    expect(refused).to_contain_text("Somebody else has changed the limits meanwhile.")
    expect(refused).to_contain_text("What you typed is kept.")
    expect(limits.get_by_label("Everybody, a day, in USD")).to_have_value("12.5")
    send.click()
    reply(page, "The limits are set.")
    amounts = {"dailyMicros": 12_500_000, "dailyPerUserMicros": 5_000_000, "perImageMicros": 80_000}
    assert amounts.items() <= product.operations()["limits"].items()
    expect(limits).to_contain_text("Set by you, on this machine")
    expect(limits).to_contain_text("a quiet week")
    expect(part(page, "Today's budget")).to_contain_text("Limit$12.50")
    latest = part(page, "Latest decisions").locator(".item").first
    expect(latest).to_contain_text("Limits: everybody a day $20.00 → $12.50")


def test_a_limit_that_is_used_up_says_when_it_starts_again(
    open_context: Callable[..., BrowserContext], product: Product
) -> None:
    intent = unique("used up")
    page = open_context(timezone_id="Asia/Kolkata").new_page()
    go_to_review(page, intent, "a kite")
    product.set_limits(dailyPerUserMicros=1)
    approve_button(page).click()
    problem = page.get_by_role("alert").filter(has_text="IMG_006")
    expect(problem).to_contain_text("Nothing was charged.")
    expect(problem).to_contain_text(re.compile(r"For you the budget starts again at 05:30 (today|tomorrow)"))
    expect(page.get_by_role("status").filter(has_text="left in today's budget. It starts again")).to_be_visible()
    expect(approve_button(page)).to_be_disabled()
    product.come_to_rest()
    approve_button(page).click()  # it is free again by itself
    expect(page.get_by_role("article").first.locator(".pill")).to_have_text("Done")
    assert len(product.jobs_for(intent)) == 1


def test_what_is_typed_survives_the_refresh(page: Page, product: Product) -> None:
    intent = unique("meanwhile")
    open_operations(page)
    everything = item(page, "Calls to providers", "Everything")
    everything.get_by_role("button", name="Pause everything").click()
    why = everything.get_by_label("Why, for the record")
    why.press_sequentially("half a sen")
    product.doubtful(intent)
    expect(item(page, "Perhaps charged", intent)).to_be_visible()  # the page has refreshed
    expect(why).to_be_focused()
    page.keyboard.type("tence")
    expect(why).to_have_value("half a sentence")
    page.keyboard.press("Escape")
    expect(everything.get_by_role("button", name="Pause everything")).to_be_focused()


def test_html_and_markdown_are_text(page: Page, product: Product) -> None:
    intent = f"<b>{unique('evil')}</b> **x** ![x](http://evil.example/x.png) <img src=x onerror='window.hurt=1'>"
    intent += "W" * 80
    product.doubtful(intent)
    open_operations(page)
    expect(item(page, "Perhaps charged", intent)).to_be_visible()
    confirm(
        item(page, "Calls to providers", "The sandbox"), "Pause", "Pause the sandbox", "<img src=x onerror=alert(1)>"
    )
    expect(part(page, "Needs you")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.evaluate("window.hurt") is None
    fits(page)


def test_what_somebody_else_decides_meanwhile_is_explained(page: Page, product: Product) -> None:
    intent = unique("twice")
    product.doubtful(intent)
    open_operations(page)
    row = item(page, "Perhaps charged", intent)
    row.get_by_role("button", name="Accept as lost").click()
    product.come_to_rest()
    reply(page, "That was decided elsewhere meanwhile. Nothing was done here.")
    expect(row).to_have_count(0)


@pytest.mark.parametrize("scheme", long_but(["light", "dark"], "light"))
def test_both_themes_fit_a_laptop(open_context: Callable[..., BrowserContext], product: Product, scheme: str) -> None:
    stranded = product.finished(product.approve(intent="Category card: outdoor"))["jobId"]
    doubtful = [product.doubtful("Blog header"), product.doubtful("Landing page: spring", images=2)]
    assert len(doubtful) == 2
    product.strand(stranded, GONE)
    page = open_context(color_scheme=scheme).new_page()
    open_operations(page)
    expect(part(page, "Needs you").locator(".item")).to_have_count(2)
    fits(page)
    picture(page, "operations" if scheme == "light" else "operations-dark")
    row = item(page, "Perhaps charged", "Blog header")
    row.get_by_role("button", name="Accept as lost").click()
    part(page, "Limits").get_by_role("button", name="Change the limits").click()
    fits(page)
    colors = row.locator(".ask").evaluate(
        "(node) => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color]"
    )
    light, dark = (sum(map(int, re.findall(r"\d+", color)[:3])) / 3 for color in colors)
    assert (light > dark) == (scheme == "light")
    assert abs(light - dark) > 150
    confirm(item(page, "Waiting for storage", GONE), "Declare 1 image lost", "Declare 1 image lost")
    reply(page, "Declared lost.")


def test_a_narrow_window_shows_what_is_said_of_calls_in_few_lines(open_context: Callable[..., BrowserContext]) -> None:
    page = open_context(viewport={"width": 390, "height": 844}).new_page()
    open_operations(page)
    heights = (
        part(page, "Calls to providers")
        .locator(".said p")
        .evaluate_all("(nodes) => nodes.map((node) => node.offsetHeight)")
    )
    assert 0 < max(heights) < 90
    fits(page)
