"""People, API keys and Audit, as admins and programs' owners use them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from imagegeneration.core.roles import Role
from tests.browser.company import Company
from tests.browser.screens import clipboard, fits, item, part, unique
from tests.support import wait_until

Windows = Callable[..., BrowserContext]
EVIL = "<img src=x onerror='window.hurt=1'> **x** $a$ [a](http://evil.example) :red[x]"


def page_of(windows: Windows, company: Company, name: str, *roles: Role, **options: object) -> Page:
    """A window in which this person is signed in."""
    context = windows(**options)
    company.let_in(context, company.person(name, *roles))
    return context.new_page()


@pytest.fixture
def admin(open_window: Windows, company: Company) -> Page:
    return page_of(open_window, company, "ann", "admin")


def person_row(page: Page, name: str) -> Locator:
    return item(page, "Who has signed in", name)


def test_an_admin_changes_what_a_person_may_do(admin: Page, company: Company) -> None:
    name = unique("Pat")
    person = company.person(name.replace(" ", "."), called=name)
    admin.goto("/people")
    admin.get_by_label("Search").fill(name.lower())
    admin.keyboard.press("Enter")
    row = person_row(admin, name)
    expect(row).to_contain_text("As configured")
    expect(part(admin, "Who has signed in").locator(".item")).to_have_count(1)
    row.get_by_role("button", name="Change").click()
    dialog = admin.get_by_role("dialog")
    expect(dialog.get_by_text("Before: Creator, as configured · plan pro · may sign in")).to_be_visible()
    expect(dialog.get_by_role("button", name="Change", exact=True)).to_be_disabled()
    dialog.get_by_text("Set here", exact=True).click()
    dialog.get_by_text("Reviewer:").click()
    dialog.get_by_text("Creator: generates").click()
    expect(dialog.get_by_text("After: Reviewer · plan pro · may sign in")).to_be_visible()
    dialog.get_by_role("button", name="Change", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("Write down why")
    dialog.get_by_label("Why, for the record").fill("reviews now")
    dialog.get_by_role("button", name="Change", exact=True).click()
    expect(admin.locator(".reply")).to_contain_text("It works on their open pages within a minute.")
    expect(row).to_contain_text("Set here; configured: Creator")
    assert company.studio.people.get(person.person_id).roles == ("reviewer",)

    row.get_by_role("button", name="Change").click()
    dialog.get_by_text("As configured: Creator").click()
    dialog.get_by_text("Enabled", exact=True).click()
    dialog.get_by_label("Why, for the record").fill("left the company")
    dialog.get_by_role("button", name="Disable, and sign out everywhere").click()
    expect(row.locator(".pill")).to_have_text("Disabled")
    changed = company.studio.people.get(person.person_id)
    assert (changed.roles, changed.is_disabled) == (None, True)

    row.get_by_role("link", name="What was changed about them").click()
    entries = part(admin, "Entries").locator(".item")
    expect(entries).to_have_count(2)
    expect(entries.first).to_contain_text(f"{name}: Reviewer → Creator as configured, disabled")
    expect(entries.first).to_contain_text("Ann,")
    expect(entries.first).to_contain_text("left the company")


def test_admins_cannot_take_their_own_administration_away(admin: Page) -> None:
    admin.goto("/people?search=ann@example.com")
    person_row(admin, "Ann").get_by_role("button", name="Change").click()
    dialog = admin.get_by_role("dialog")
    expect(dialog.get_by_label("Enabled")).to_be_disabled()
    expect(dialog.get_by_label("Admin:")).to_be_disabled()
    expect(dialog.get_by_label("Reviewer:")).to_be_enabled()


def test_what_somebody_else_changed_meanwhile_is_said(admin: Page, company: Company) -> None:
    name = unique("Meanwhile")
    person = company.person(name.replace(" ", "."), called=name)
    admin.goto(f"/people?search={name}")
    person_row(admin, name).get_by_role("button", name="Change").click()
    dialog = admin.get_by_role("dialog")
    expect(dialog.get_by_text("Before: Creator")).to_be_visible()
    company.change(person, "operator")
    dialog.get_by_text("Enabled", exact=True).click()
    dialog.get_by_label("Why, for the record").fill("a reason")
    dialog.get_by_role("button", name="Disable, and sign out everywhere").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Somebody else has changed this person meanwhile.")
    admin.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert company.studio.people.get(person.person_id).roles == ("operator",)


def test_a_key_is_shown_once_and_works_until_it_is_revoked(open_window: Windows, company: Company) -> None:
    page = page_of(open_window, company, "gus")
    name = unique("nightly job")
    page.goto("/keys")
    expect(part(page, "Your keys")).to_contain_text("You have no key that works.")
    expect(page.get_by_text("Operate:")).to_have_count(0)
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("alert")).to_contain_text("Say what the key is for")
    page.get_by_label("What the key is for").fill(name)
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose at least one thing")
    page.get_by_text("Look: read jobs").click()
    page.get_by_text("30 days").click()
    page.get_by_role("button", name="Make the key").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It is never shown again")
    dialog.get_by_role("button", name="Copy the key").click()
    expect(dialog.get_by_text("Copied").first).to_be_visible()
    key = clipboard(page)
    expect(dialog.get_by_role("region", name="An example")).to_contain_text(f'"Authorization: Bearer {key}"')
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.reload()

    row = item(page, "Your keys", name)
    expect(row).to_contain_text("in 30 days")
    expect(row).to_contain_text("Last usedNever")
    assert key not in page.content()
    with httpx.Client(base_url=company.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as program:
        me = program.get("/image/me").json()
        assert (me["name"], me["key"], me["permissions"]) == ("Gus", name, ["look"])
        row.get_by_role("button", name="Revoke").click()
        row.get_by_role("button", name="Revoke this key").click()
        expect(item(page, "Revoked and expired", name).locator(".pill")).to_have_text("Revoked")
        wait_until(lambda: program.get("/image/me").status_code == 401, "the key is refused", every=0.2)


def test_the_record_is_searched_and_exported(admin: Page, company: Company) -> None:
    name = f"={unique('formula')}"
    person = company.person("hal", called="Hal")
    company.studio.keys.make(person.actor(), name, ["look"], None)
    job = company.done_job(person, unique("a card"))
    admin.goto("/audit?who=hal@example.com&action=Key made")
    entries = part(admin, "Entries").locator(".item")
    expect(entries.first).to_contain_text(f"Key “{name}” made")
    for label, check in (("CSV", first_reason_in_csv), ("JSON lines", first_reason_in_json)):
        with admin.expect_download() as download:
            admin.get_by_role("button", name=label).click()
        assert check(download.value.path().read_text("utf-8-sig")) == (f"'{name}" if label == "CSV" else name)

    admin.goto("/audit")
    admin.get_by_label("About").fill(job)
    admin.keyboard.press("Enter")
    expect(entries).to_have_count(1)
    expect(entries.first).to_contain_text("Job approved for up to $0.0")
    entries.first.locator("summary").click()
    expect(entries.first.locator("tr").filter(has_text="approvedBy").locator("ins")).to_have_text(person.person_id)
    expect(entries.first.get_by_role("link", name="Open the job")).to_have_attribute("href", f"jobs?job={job}")
    admin.get_by_label("By whom").fill("nobody at all")
    admin.keyboard.press("Enter")
    expect(part(admin, "Entries")).to_contain_text("No entry is like this.")


def first_reason_in_csv(text: str) -> str:
    return next(csv.DictReader(text.splitlines()))["reason"]


def first_reason_in_json(text: str) -> str:
    return str(json.loads(text.splitlines()[0])["reason"])


def test_the_chain_is_checked(admin: Page, company: Company) -> None:
    admin.goto("/audit")
    admin.get_by_role("button", name="Check the chain").click()
    expect(admin.get_by_text("The chain is whole")).to_be_visible()
    head = company.studio.audit.head()
    expect(admin.get_by_test_id("stCode")).to_contain_text(f"{head.number}:{head.sha256}")
    record = company.studio._stores.connection.collection("audit")
    number = head.number // 2
    before = record.find_one_and_update({"number": number}, {"$set": {"reason": "another"}})
    assert before is not None
    try:
        admin.get_by_role("button", name="Check the chain").click()
        expect(admin.get_by_role("alert")).to_contain_text(f"The chain is broken at entry {number}: it was changed.")
    finally:
        record.update_one({"number": number}, {"$set": {"reason": before["reason"]}})


def test_without_sign_in_the_pages_say_how_to_configure_it(page: Page) -> None:
    page.goto("/people")
    expect(page.get_by_role("status")).to_contain_text("There is one local admin")
    expect(page.get_by_role("status")).to_contain_text("set SIGN_IN_PROVIDERS")
    page.goto("/keys")
    expect(page.get_by_role("status")).to_contain_text("Keys need sign-in.")
    expect(page.get_by_role("button", name="Make the key")).to_have_count(0)
    page.goto("/audit")
    expect(part(page, "Entries")).to_be_visible()
    fits(page)


@pytest.mark.parametrize(("scheme", "width"), [("light", 400), ("dark", 1280)])
def test_the_pages_fit_and_show_text_as_text(open_window: Windows, company: Company, scheme: str, width: int) -> None:
    evil = company.person("evil", called=EVIL)
    company.studio.keys.make(evil.actor(), EVIL, ["look"], 90)
    size = {"width": width, "height": 800}
    page = page_of(open_window, company, "ann", "admin", color_scheme=scheme, viewport=size)
    page.goto("/people?search=evil")
    expect(person_row(page, EVIL)).to_be_visible()
    fits(page)
    person_row(page, EVIL).get_by_role("button", name="Change").click()
    expect(page.get_by_role("dialog")).to_contain_text(EVIL)
    fits(page)
    page.goto(f"/audit?who={evil.person_id}")
    expect(part(page, "Entries")).to_contain_text(f"Key “{EVIL}” made")
    page.locator("summary").first.click()
    fits(page)
    assert page.evaluate("window.hurt") is None
