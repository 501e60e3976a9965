import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import onward from "../../imagegeneration/dashboard/web/onward.js";
import { tellField } from "../../imagegeneration/dashboard/web/unsaved.js";
import { mount, one } from "./dom.js";

const GO = {
  key: "approve",
  label: "Generate 1 image",
  working: "On its way…",
  blocked: "",
  spends: true,
  saves: true,
};
const ENHANCE = { ...GO, key: "enhance", label: "Enhance prompt", spends: false };
const BACK = { ...GO, key: "back", label: "Back", spends: false, saves: false };
const COST = { each: "$0.01", made_as: "PNG", left: "", short: "", total: "", terms: "t1" };
const DATA = {
  ...COST,
  field: "final",
  prompt: "a kite",
  count: 2,
  go: GO,
  others: [BACK],
  busy: false,
  status: "",
  heard: 0,
};

let end = () => {};

beforeEach(() => mock.timers.enable({ apis: ["Date", "setTimeout"], now: 1_000_000 }));
afterEach(() => {
  end();
  mock.timers.reset();
  tellField("final");
});

/** The bar as drawn, with a field that shows `text`. */
function bar(data = DATA, field = { text: "a kite", unsaved: false, touched: true }) {
  tellField("final", field);
  const { parent, sent, draw } = mount(onward);
  end = draw(data);
  const bodies = () => sent.at(-1)?.[1].map(({ body }) => body) ?? [];
  return {
    parent,
    draw,
    bodies,
    go: one(parent, ".go"),
    back: one(parent, ".others button"),
    status: one(parent, ".status"),
  };
}

function pressEnter() {
  dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, cancelable: true }));
}

test("the button that spends sends what is on the screen", () => {
  const { go, bodies } = bar();
  go.click();
  assert.deepEqual(bodies(), [{ do: "approve", prompt: "a kite", count: 2, terms: "t1" }]);
});

test("a second press sends nothing while the first was not heard", () => {
  const { go, bodies, draw } = bar();
  go.click();
  go.click();
  assert.equal(bodies().length, 1);
  assert.equal(go.textContent, "On its way…");
  draw({ ...DATA, heard: 1 });
  assert.equal(go.textContent, "Generate 1 image");
});

test("nothing is spent on a text that is not stored, and a press is not remembered", () => {
  const { go, status, bodies } = bar(DATA, { text: "a red kite", unsaved: true, touched: true });
  assert.equal(go.disabled, true);
  assert.equal(status.textContent, "Saving your text…");
  pressEnter();
  tellField("final", { text: "a kite", unsaved: false, touched: true });
  assert.deepEqual(bodies(), []);
});

test("nothing is spent on a text that the price is not of", () => {
  const { go } = bar(DATA, { text: "a red kite", unsaved: false, touched: true });
  assert.equal(go.disabled, true);
});

test("a press that spends nothing waits for the text to be stored", () => {
  const { go, bodies } = bar({ ...DATA, go: ENHANCE }, { text: "a kite", unsaved: true, touched: true });
  go.click();
  assert.deepEqual(bodies(), []);
  tellField("final", { text: "a kite", unsaved: false, touched: true });
  assert.deepEqual(bodies(), [{ do: "enhance" }]);
});

test("a press is forgotten if storing takes too long", () => {
  const { go, bodies } = bar({ ...DATA, go: ENHANCE }, { text: "a kite", unsaved: true, touched: true });
  go.click();
  mock.timers.tick(3000);
  tellField("final", { text: "a kite", unsaved: false, touched: true });
  assert.deepEqual(bodies(), []);
});

test("a button that saves nothing need not wait", () => {
  const { back, bodies } = bar(DATA, { text: "a red kite", unsaved: true, touched: true });
  back.click();
  assert.deepEqual(bodies(), [{ do: "back" }]);
});

test("the shortcut spends only once the price was seen for a second, and a field was used", () => {
  const { bodies } = bar();
  pressEnter();
  assert.deepEqual(bodies(), []);
  mock.timers.tick(1000);
  tellField("final", { text: "a kite", unsaved: false, touched: false });
  pressEnter();
  assert.deepEqual(bodies(), []);
  tellField("final", { text: "a kite", unsaved: false, touched: true });
  pressEnter();
  assert.equal(bodies().length, 1);
});

test("a price that changed has to be seen anew", () => {
  const { bodies, draw } = bar();
  mock.timers.tick(1000);
  draw({ ...DATA, terms: "t2" });
  pressEnter();
  assert.deepEqual(bodies(), []);
});

test("a press that the server did not answer is taken back, and that is said", () => {
  const { go, status, bodies } = bar();
  go.click();
  mock.timers.tick(10_000);
  assert.deepEqual(bodies(), []);
  assert.match(status.textContent, /did not answer/);
  assert.equal(go.disabled, false);
});
