import assert from "node:assert/strict";
import { test } from "node:test";
import { makeList } from "../../imagegeneration/dashboard/web/list.js";
import { place } from "./dom.js";

/** A list of paragraphs, and what was made and painted. */
function list() {
  const parent = place();
  const made = [];
  const make = ({ key }) => {
    made.push(key);
    const node = document.createElement("p");
    return { key, node, paint: ({ text }) => node.replaceChildren(text) };
  };
  return { parent, made, ...makeList(parent, make, ({ key }) => key) };
}

const facts = (...keys) => keys.map((key) => ({ key, text: key }));

test("each is made once and keeps its node, whatever its place", () => {
  const { parent, made, items, paint } = list();
  paint(facts("a", "b", "c"));
  const { node } = items.get("c");
  paint(facts("c", "a", "d"));
  assert.equal(parent.textContent, "cad");
  assert.equal(parent.firstChild, node);
  assert.deepEqual(made, ["a", "b", "c", "d"]);
});

test("one that goes is told of, and is made anew when it comes back", () => {
  const { parent, made, paint } = list();
  const left = [];
  paint(facts("a", "b"));
  paint(facts("b"), ({ key }) => left.push(key));
  assert.deepEqual(left, ["a"]);
  assert.equal(parent.textContent, "b");
  paint(facts("a"));
  assert.deepEqual(made, ["a", "b", "a"]);
});

test("a node that is in its place is not moved, so that it keeps the focus", () => {
  const { parent, paint } = list();
  paint(facts("a", "b"));
  let moves = 0;
  const insertBefore = parent.insertBefore.bind(parent);
  parent.insertBefore = (...nodes) => {
    moves += 1;
    return insertBefore(...nodes);
  };
  paint([
    { key: "a", text: "other" },
    { key: "b", text: "b" },
  ]);
  assert.equal(moves, 0);
  assert.equal(parent.textContent, "otherb");
});
