"""LoRAs, as an admin keeps them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from imagegeneration.core.actor import Actor
from imagegeneration.models.lora import LoraBody
from tests.browser.company import Company
from tests.browser.screens import fits, item, part, picture, unique

Windows = Callable[..., BrowserContext]
EVERYTHING = Actor(user_id="usr_test", roles=("admin",))
FILE = "https://huggingface.co/owner/name/resolve/main/lora.safetensors"


@pytest.fixture
def admin(open_window: Windows, company: Company) -> Page:
    context = open_window()
    company.let_in(context, company.person("ann", "admin"))
    return context.new_page()


def test_an_admin_adds_edits_disables_and_deletes_a_lora(admin: Page, company: Company) -> None:
    label = unique("Ink")
    name = label.lower().replace(" ", "-")
    admin.goto("/loras")
    admin.get_by_role("button", name="Add a LoRA").click()
    dialog = admin.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Not a name")
    dialog.get_by_label("Label", exact=True).fill(label)
    dialog.get_by_label("Where it is", exact=True).fill("https://example.com/a.safetensors")
    dialog.get_by_label("Trigger words, separated by commas", exact=True).fill("INK, two words")
    dialog.get_by_role("button", name="Add it").click()
    problem = dialog.get_by_role("alert")
    expect(problem).to_contain_text("It must be owner/name of Hugging Face")
    dialog.get_by_label("Where it is", exact=True).fill(FILE)
    dialog.get_by_role("button", name="Add it").click()
    expect(problem).to_contain_text("lower-case letters, digits and dashes")
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_role("button", name="Add it").click()
    expect(admin.locator(".reply")).to_contain_text(f"{label} is saved.")
    row = item(admin, "The collection", label)
    expect(row).to_contain_text("Flux with LoRAs (Fal)")
    expect(row).to_contain_text("INK, two words")
    fits(admin)
    picture(admin, "loras")

    row.get_by_role("button", name="Edit").click()
    dialog.get_by_label("Description", exact=True).fill("Few lines <b>only</b>")
    dialog.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Few lines <b>only</b>")
    row.get_by_role("button", name="Disable").click()
    expect(row.locator(".pill")).to_have_text("Disabled")
    assert not company.studio.loras.get(EVERYTHING, name).enabled
    row.get_by_role("button", name="Offer again").click()
    expect(row.locator(".pill")).to_have_text("Offered")

    row.get_by_role("button", name="Delete").click()
    admin.get_by_role("button", name="Delete this LoRA").click()
    expect(row).to_have_count(0)
    expect(admin.locator(".reply")).to_contain_text("Jobs that were approved with it stay as they are.")
    admin.goto(f"/audit?subject={name}")
    expect(part(admin, "Entries").locator(".item")).to_have_count(5)
    expect(part(admin, "Entries").locator(".item").first).to_contain_text(f"LoRA deleted: {name}")


def test_a_search_that_finds_nothing_says_so(admin: Page) -> None:
    admin.goto("/loras?search=nothing-like-this")
    expect(admin.get_by_text("No LoRA has “nothing-like-this” in what is said of it.")).to_be_visible()


def test_no_click_is_lost_while_the_page_is_drawn(admin: Page, company: Company) -> None:
    start = unique("quick").replace(" ", "-")
    for number in range(8):
        body = {"name": f"{start}-{number}", "label": f"{start} {number}", "path": FILE, "family": "flux-1"}
        company.studio.loras.add(EVERYTHING, LoraBody.model_validate(body))
    admin.goto(f"/loras?search={start}")
    buttons = admin.get_by_role("button", name="Disable")
    expect(buttons).to_have_count(8)
    buttons.evaluate_all("(nodes) => nodes.forEach((node) => node.click())")
    expect(part(admin, "The collection").locator(".pill")).to_have_text(["Disabled"] * 8)
