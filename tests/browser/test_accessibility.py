"""Every page and dialog for those who see it badly or not at all: axe finds nothing, in both themes and on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from imagegeneration.core.actor import Actor
from imagegeneration.models.lora import LoraBody
from tests.browser.axe import violations
from tests.browser.company import STYLE_HOST, Company
from tests.browser.conftest import windows
from tests.browser.screens import (
    Product,
    approve_button,
    card,
    describe,
    dialog,
    go_to_review,
    is_done,
    item,
    open_dialog,
    open_generate,
    open_jobs,
    open_operations,
    part,
    press_until,
    typed,
    unique,
)
from tests.support import long_but

ADMIN = Actor(user_id="usr_test", roles=("admin",))
FILE = "https://huggingface.co/owner/name/resolve/main/lora.safetensors"


@dataclass(frozen=True)
class Jobs:
    """What is on Jobs, by intent: a job in each state that lasts."""

    done: str
    failed: str
    doubtful: str
    canceled: str


@pytest.fixture(scope="module")
def jobs(product: Product) -> Jobs:
    made = Jobs(*(unique(words) for words in ("done", "failed", "doubtful", "canceled")))
    product.cancel(product.approve("a kite [sandbox:delay delay=1]", intent=made.canceled, images=2))
    product.approve("a kite [sandbox:400 count=1]", intent=made.failed, images=2)
    product.doubtful(made.doubtful)
    product.finished(product.approve("a red kite", intent=made.done, images=3))
    return made


@pytest.fixture(params=long_but([False, True], False), ids=["laptop", "phone"])
def phone(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def local(chromium: Browser, product: Product) -> Iterator[Page]:
    """A window without sign-in."""
    with windows(chromium, product.url, []) as make:
        yield make().new_page()


@pytest.fixture(scope="module")
def admin(chromium: Browser, company: Company) -> Iterator[Page]:
    """A window of an admin who has signed in, with something on each page."""
    ann = company.person("ann", "admin")
    company.studio.keys.make(ann.actor(), unique("nightly job"), ["look"], 30)
    _, old = company.studio.keys.make(ann.actor(), unique("an old job"), ["look"], 30)
    company.studio.keys.revoke(ann.actor(), old.key_id)
    lora = {"name": unique("ink").replace(" ", "-"), "label": "Ink", "path": FILE, "family": "flux-1"}
    company.studio.loras.add(ADMIN, LoraBody.model_validate(lora))
    with windows(chromium, company.url, [], STYLE_HOST) as make:
        context = make()
        company.let_in(context, ann)
        yield context.new_page()


def options(page: Page) -> None:
    page.get_by_text("Options", exact=True).click()
    expect(page.get_by_role("radiogroup", name="Model")).to_be_visible()


def first_step(page: Page, _: Jobs) -> None:
    open_generate(page, "/")
    describe(page, "a card", "a red kite")
    options(page)


def second_step(page: Page, _: Jobs) -> None:
    open_generate(page, "/")
    describe(page, "a card", "a red kite over hills")
    page.get_by_role("button", name="Enhance prompt").click()
    expect(typed(page, "Final prompt")).to_be_visible()
    expect(approve_button(page)).to_be_enabled()
    options(page)


def third_step(page: Page, _: Jobs) -> None:
    go_to_review(page, unique("step 3"), "a red kite")
    approved = page.url
    approve_button(page).click()
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    page.goto(approved)
    is_done(page)
    expect(page.get_by_role("button", name="Start from this again")).to_be_visible()


def list_of_models(page: Page, jobs: Jobs) -> None:
    first_step(page, jobs)
    page.get_by_role("radiogroup", name="Model").get_by_role("radio").nth(2).check()
    expect(page.get_by_role("button", name="Reset the options")).to_be_visible()


def all_jobs(page: Page, jobs: Jobs) -> None:
    open_jobs(page)
    expect(card(page, jobs.done).locator(".tile.loaded")).to_have_count(3)


def empty_jobs(page: Page, _: Jobs) -> None:
    open_jobs(page, "/jobs?status=Queued")
    expect(page.locator(".empty .head")).to_be_visible()


def done_job(page: Page, jobs: Jobs) -> None:
    open_jobs(page)
    open_dialog(page, jobs.done)


def run_again(page: Page, jobs: Jobs) -> None:
    done_job(page, jobs)
    dialog(page).get_by_role("button", name="Run again").click()
    expect(dialog(page).get_by_role("button", name="Not now")).to_be_visible()


def image_at_100_percent(page: Page, jobs: Jobs) -> None:
    done_job(page, jobs)
    dialog(page).get_by_role("button", name="100 %").click()


def failed_job(page: Page, jobs: Jobs) -> None:
    open_jobs(page)
    open_dialog(page, jobs.failed)
    expect(dialog(page).get_by_role("button", name="Retry")).to_be_visible()


def job_in_doubt(page: Page, jobs: Jobs) -> None:
    open_jobs(page)
    open_dialog(page, jobs.doubtful)
    dialog(page).locator(".choices button").first.click()
    expect(dialog(page).locator(".choices form")).to_be_visible()


def operations(page: Page, _: Jobs) -> None:
    open_operations(page)
    part(page, "Calls to providers").get_by_role("button").first.click()
    expect(part(page, "Calls to providers").get_by_role("textbox")).to_be_visible()
    part(page, "Limits").get_by_role("button", name="Change the limits").click()
    expect(part(page, "Limits").get_by_role("button", name="Set these limits")).to_be_visible()


def no_such_page(page: Page, _: Jobs) -> None:
    page.goto("/no-such-page")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


def no_such_job(page: Page, _: Jobs) -> None:
    open_jobs(page, "/jobs?job=imgjob_01ARZ3NDEKTSV4RRFFQ69G5FAV")


LOCAL: Mapping[str, Callable[[Page, Jobs], None]] = {
    "Generate, step 1": first_step,
    "Generate, step 2": second_step,
    "Generate, step 3": third_step,
    "Generate, a model chosen": list_of_models,
    "Jobs": all_jobs,
    "Jobs, none": empty_jobs,
    "Jobs, a job that is done": done_job,
    "Jobs, whether to run a job again": run_again,
    "Jobs, an image at 100 %": image_at_100_percent,
    "Jobs, a job that has failed": failed_job,
    "Jobs, a job in doubt": job_in_doubt,
    "Jobs, no such job": no_such_job,
    "Operations": operations,
    "No such page": no_such_page,
}


@pytest.mark.parametrize("name", LOCAL)
def test_axe_finds_nothing(local: Page, jobs: Jobs, name: str, phone: bool) -> None:
    LOCAL[name](local, jobs)
    assert violations(local, phone=phone) == []


def test_axe_finds_nothing_while_images_are_made(local: Page, product: Product, phone: bool) -> None:
    intent = unique("at work")
    job_id = product.approve("a kite [sandbox:delay delay=10]", intent=intent, images=2)
    open_jobs(local)
    expect(card(local, intent).get_by_role("progressbar")).to_be_visible()
    found = violations(local, phone=phone)
    assert product.job(job_id)["status"] == "RUNNING"
    card(local, intent).get_by_role("button", name=f"Cancel {intent}").click()
    expect(local.get_by_role("button", name="Yes, cancel the job")).to_be_visible()
    found += violations(local, phone=phone)
    expect(local.get_by_role("button", name="Yes, cancel the job")).to_be_visible()
    product.cancel(job_id)
    assert found == []


def people(page: Page) -> None:
    page.goto("/people")
    expect(item(page, "Who has signed in", "Ann")).to_be_visible()


def a_person(page: Page) -> None:
    page.goto("/people?search=ann@example.com")
    item(page, "Who has signed in", "Ann").get_by_role("button", name="Change").click()
    expect(dialog(page).get_by_text("Before:")).to_be_visible()


def keys(page: Page) -> None:
    page.goto("/keys")
    expect(part(page, "Revoked and expired")).to_be_visible()
    part(page, "Your keys").get_by_role("button", name="Revoke").first.click()
    expect(part(page, "Your keys").get_by_role("button", name="Revoke this key")).to_be_visible()


def loras(page: Page) -> None:
    page.goto("/loras")
    expect(item(page, "The collection", "Ink").first).to_be_visible()


def a_lora(page: Page) -> None:
    loras(page)
    page.get_by_role("button", name="Add a LoRA").click()
    expect(dialog(page).get_by_label("Name", exact=True)).to_be_visible()


def audit(page: Page) -> None:
    page.goto("/audit")
    entries = part(page, "Entries")
    press_until(entries.locator("summary").first, entries.locator("details[open]"))


def not_for_you(page: Page) -> None:
    page.goto("/jobs?job=imgjob_01ARZ3NDEKTSV4RRFFQ69G5FAV")
    expect(page.get_by_text("There is no such job.")).to_be_visible()


SIGNED_IN: Mapping[str, Callable[[Page], None]] = {
    "People": people,
    "People, one of them": a_person,
    "API keys": keys,
    "LoRAs": loras,
    "LoRAs, a new one": a_lora,
    "Audit": audit,
    "Jobs": not_for_you,
}


@pytest.mark.parametrize("name", SIGNED_IN)
def test_axe_finds_nothing_for_an_admin(admin: Page, name: str, phone: bool) -> None:
    SIGNED_IN[name](admin)
    assert violations(admin, phone=phone) == []


def test_axe_finds_nothing_where_a_key_is_shown(admin: Page, phone: bool) -> None:
    admin.goto("/keys")
    admin.get_by_label("What the key is for").fill(unique("axe"))
    admin.get_by_text("Look: read jobs").click()
    admin.get_by_role("button", name="Make the key").click()
    expect(dialog(admin)).to_contain_text("It is never shown again")
    assert violations(admin, phone=phone) == []


def test_axe_finds_nothing_where_people_sign_in(open_window: Callable[..., Any], phone: bool) -> None:
    page = open_window().new_page()
    page.goto("/jobs")
    expect(page.get_by_role("button", name="Continue with Example")).to_be_visible()
    assert violations(page, phone=phone) == []
    page.goto("/auth/callback/idp?error=access_denied&state=unknown")
    expect(page.get_by_role("heading")).to_have_text("You are not signed in")
    assert violations(page, phone=phone) == []
