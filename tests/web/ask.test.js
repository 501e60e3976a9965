import assert from "node:assert/strict";
import { test } from "node:test";
import { makeActions } from "../../imagegeneration/dashboard/web/ask.js";
import { one, place, type } from "./dom.js";

const ASK = {
  text: "Nothing starts.",
  confirm: "Pause",
  reason: "",
  warning: null,
  agree: null,
  fields: [],
  danger: false,
};
const PAUSE = { key: "pause", label: "Pause all", order: { do: "pause" }, ask: ASK, opens: false };

/** Actions on a page, and the orders that they send. */
function shown(...list) {
  const sent = [];
  const actions = makeActions((order) => sent.push(order));
  place().append(actions.node);
  actions.paint(list);
  return { ...actions, sent, button: (name) => button(actions.node, name) };
}

function button(node, name) {
  return [...node.querySelectorAll("button")].find(({ textContent }) => textContent === name);
}

function submit(node) {
  one(node, "form").dispatchEvent(new Event("submit", { cancelable: true }));
}

test("an action without a question is done at once", () => {
  const { sent, button } = shown({ ...PAUSE, ask: null });
  button("Pause all").click();
  assert.deepEqual(sent, [{ key: "pause", order: { do: "pause" } }]);
});

test("an action that asks is done with the reason, and not without", () => {
  const { node, sent, button } = shown(PAUSE);
  button("Pause all").click();
  submit(node);
  assert.deepEqual(sent, []);
  assert.notEqual(one(node, ".answer").textContent, "");
  type(one(node, "input[name=reason]"), "maintenance");
  submit(node);
  assert.deepEqual(sent, [{ key: "pause", order: { do: "pause", reason: "maintenance" } }]);
});

test("while an order is under way it is not sent again", () => {
  const { node, sent, button } = shown({ ...PAUSE, ask: { ...ASK, reason: "why" } });
  button("Pause all").click();
  submit(node);
  submit(node);
  assert.equal(sent.length, 1);
});

test("what there is to lose has to be agreed to", () => {
  const { node, sent, button } = shown({ ...PAUSE, ask: { ...ASK, reason: null, agree: "I understand" } });
  button("Pause all").click();
  submit(node);
  assert.deepEqual(sent, []);
  const agree = one(node, "input[type=checkbox]");
  agree.checked = true;
  agree.dispatchEvent(new Event("change"));
  submit(node);
  assert.equal(sent.length, 1);
});

test("a form asks what it asked when it was opened, whatever the action is by now", () => {
  const { node, sent, paint, button } = shown({ ...PAUSE, ask: { ...ASK, reason: "why" } });
  button("Pause all").click();
  paint([{ ...PAUSE, order: { do: "pause", version: 2 }, ask: { ...ASK, text: "Another text.", reason: "why" } }]);
  assert.equal(one(node, ".does").textContent, "Nothing starts.");
  submit(node);
  assert.deepEqual(sent[0].order, { do: "pause", reason: "why" });
});

test("a refusal is said where it was asked, with the action as it is by now and what was typed", () => {
  const { node, sent, paint, answered, button } = shown(PAUSE);
  button("Pause all").click();
  type(one(node, "input[name=reason]"), "maintenance");
  submit(node);
  paint([{ ...PAUSE, order: { do: "pause", version: 2 } }]);
  assert.equal(answered({ key: "pause", tone: "bad", title: "Not done.", text: "Try again." }), true);
  assert.equal(one(node, ".answer").textContent, "Not done. Try again.");
  assert.equal(one(node, "input[name=reason]").value, "maintenance");
  submit(node);
  assert.deepEqual(sent[1].order, { do: "pause", version: 2, reason: "maintenance" });
});

test("an order that was carried out closes its form, and is said elsewhere", () => {
  const { node, answered, button } = shown({ ...PAUSE, ask: { ...ASK, reason: "why" } });
  button("Pause all").click();
  submit(node);
  assert.equal(answered({ key: "pause", tone: "good", title: "Paused.", text: "" }), false);
  assert.equal(node.querySelector("form"), null);
});

test("a form whose action is gone is closed, and that is told", () => {
  const { node, paint, button } = shown(PAUSE);
  button("Pause all").click();
  assert.equal(paint([PAUSE]), false);
  assert.equal(paint([]), true);
  assert.equal(node.querySelector("form"), null);
});

test("Escape leaves the form and gives the focus back to its button", () => {
  const { node, button } = shown(PAUSE);
  button("Pause all").click();
  const key = new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true });
  one(node, "form").dispatchEvent(key);
  assert.equal(node.querySelector("form"), null);
  assert.equal(document.activeElement, button("Pause all"));
});

test("an order whose answer is a question opens that question", () => {
  const opens = { key: "lost", label: "Declare lost", order: { look: true }, ask: null, opens: true };
  const { node, sent, paint, button } = shown(opens);
  button("Declare lost").click();
  assert.deepEqual(sent, [{ key: "lost", order: { look: true } }]);
  assert.equal(button("Declare lost").disabled, true);
  paint([{ ...opens, ask: ASK }]);
  assert.notEqual(node.querySelector("form"), null);
});
