// Texts as they are drawn: never as markup, and to the letter.

import assert from "node:assert/strict";
import { test } from "node:test";
import { el, setText } from "../../imagegeneration/dashboard/web/common.js";
import difference from "../../imagegeneration/dashboard/web/difference.js";
import { pill } from "../../imagegeneration/dashboard/web/pill.js";
import { mount, one, place } from "./dom.js";

const MARKUP = "<b>bold</b> & <img src=x onerror=alert(1)>";

test("an element has its classes, attributes and children, and text is no markup", () => {
  const node = el("p.a.b", { title: MARKUP, hidden: true, "aria-label": null }, MARKUP, null, "", el("i", {}, "x"));
  assert.equal(node.className, "a b");
  assert.equal(node.title, MARKUP);
  assert.equal(node.hidden, true);
  assert.equal(node.hasAttribute("aria-label"), false);
  assert.equal(node.textContent, `${MARKUP}x`);
  assert.equal(node.children.length, 1);
});

test("a text that stays is not touched, so that a selection in it stays", () => {
  const node = el("p", {}, "same");
  const { firstChild } = node;
  setText(node, "same");
  assert.equal(node.firstChild, firstChild);
  setText(node, null);
  assert.equal(node.textContent, "");
});

test("a pill is a word in a tone", () => {
  const { node, paint } = pill({ status: "Running", tone: "active" });
  assert.equal(node.className, "pill active");
  paint({ status: "Done", tone: "good" });
  assert.equal(node.className, "pill good");
  assert.equal(node.textContent, "Done");
});

const PIECES = [
  ["same", "a "],
  ["removed", "red\n\n  old "],
  ["added", "\tblue  "],
  ["same", `kite ${MARKUP}`],
  ["removed", " "],
  ["added", "\nb\r\n"],
  ["same", "\nthe end"],
];

test("a difference shows both texts whole, spaces and line breaks included", () => {
  const { parent, draw } = mount(difference);
  draw({ pieces: PIECES, summary: "1 word added" });
  const shown = [...one(parent, ".pieces").children];
  const read = (tag) =>
    shown
      .filter((node) => node.tagName !== tag)
      .map((node) => node.textContent)
      .join("");
  const without = (kind) =>
    PIECES.filter(([one]) => one !== kind)
      .map(([, text]) => text)
      .join("");
  assert.equal(read("INS"), without("added"));
  assert.equal(read("DEL"), without("removed"));
});

test("a line break that changed is marked, one that stayed is not", () => {
  const { parent, draw } = mount(difference);
  draw({ pieces: PIECES, summary: "1 word added" });
  const marked = [...parent.querySelectorAll(".break")].map((node) => [node.parentNode.tagName, node.textContent]);
  assert.deepEqual(marked, [
    ["DEL", "\n"],
    ["DEL", "\n"],
    ["INS", "\n"],
    ["INS", "\r\n"],
  ]);
});

test("where nothing changed only that is said", () => {
  const { parent, draw } = mount(difference, place());
  draw({ pieces: [["same", "a kite"]], summary: "Nothing changed" });
  assert.equal(one(parent, ".pieces").hidden, true);
  assert.equal(one(parent, ".summary").textContent, "Nothing changed");
});
