"""Texts that look like markup, code or formulas are shown as the texts that they are, on every page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page

from tests.browser.corpus import ALL, FOREIGN, PAYLOADS, TEXTS, Corpus
from tests.browser.screens import Product, unique
from tests.support import wait_until

SHOWN = """() => {
  const texts = [], acting = [];
  const look = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if ("value" in node && typeof node.value === "string") texts.push(node.value);
      for (const {name, value} of node.attributes)
        if (/^(on.*|href|xlink:href|src|srcset|srcdoc|action|formaction|style|poster|data)$/.test(name))
          acting.push(value);
      if (node.shadowRoot) look(node.shadowRoot);
    }
    const all = (part) => [...part.childNodes].map((node) =>
      node.nodeType === 3 ? node.data : ["STYLE", "SCRIPT"].includes(node.nodeName) ? "" : all(node)).join("");
    texts.push(all(root));
  };
  look(document);
  return {texts, acting, ran: window.__corpus ?? null};
}"""
"""What the page holds: its texts and what is typed in its fields, and what its elements act upon."""


@dataclass(frozen=True)
class Place:
    """Where payloads are shown: the address, the texts that are to be found there, and in how many fields."""

    address: Callable[[Corpus], str]
    texts: Sequence[str]
    times: int


PLACES: Mapping[str, Place] = {
    "Generate, step 1": Place(lambda corpus: f"/generate?draft={corpus.describe}", [ALL], 1),
    "Generate, step 2": Place(lambda corpus: f"/generate?draft={corpus.review}", [ALL], 3),
    "Jobs": Place(lambda _: "/jobs", TEXTS, 3),
    "Jobs, the dialog": Place(lambda corpus: f"/jobs?job={corpus.whole}", [ALL], 8),
    "Operations": Place(lambda _: "/operations", TEXTS, 4),
    "Audit": Place(lambda _: "/audit", TEXTS, 1),
}
"""A page is a line here."""


@pytest.fixture(scope="module")
def corpus(product: Product) -> Iterator[Corpus]:
    job_id = product.approve(intent=unique("a pattern"))
    product.finished(job_id)
    with product.database() as database:
        finished = database.jobs.find_one({"jobId": job_id})
        assert finished is not None
        made = Corpus(database, finished)
        yield made
        made.remove()


@pytest.mark.parametrize("name", PLACES)
def test_texts_are_shown_as_they_are(own_page: Page, corpus: Corpus, name: str) -> None:
    page = own_page
    opened: list[str] = []

    def refuse(dialog: Dialog) -> None:
        opened.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    page.on("popup", lambda popup: opened.append(popup.url))
    page.goto(PLACES[name].address(corpus))

    def all_there() -> dict[str, Any] | None:
        shown: dict[str, Any] = page.evaluate(SHOWN)
        there = "\0".join(shown["texts"])
        missing.clear()
        missing.extend(text for text in PLACES[name].texts if there.count(text) < PLACES[name].times)
        return None if missing else shown

    missing: list[str] = []
    try:
        shown = wait_until(all_there, "every payload is on the page", seconds=20, every=0.2)
    except AssertionError as error:
        names = {text: known for known, text in PAYLOADS.items()}
        error.add_note(f"not on the page as it is: {[names.get(text, 'the whole corpus') for text in missing]}")
        raise
    assert shown is not None
    acting = [value for value in shown["acting"] if not value.startswith("audit?")]  # filters of ours, encoded
    assert not [value for value in acting if FOREIGN in value or "__corpus" in value]
    assert shown["ran"] is None
    assert opened == []
