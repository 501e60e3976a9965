import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import editor, { length, tooLong } from "../../imagegeneration/dashboard/web/editor.js";
import { fieldState } from "../../imagegeneration/dashboard/web/unsaved.js";
import { mount, one, type } from "./dom.js";

const FIELD = { label: "Prompt", limit: 10, rows: 4, placeholder: "", name: "prompt" };
const DATA = {
  ...FIELD,
  text: "a kite",
  revision: 1,
  session: "s1",
  heard: 0,
  problem: "",
  locked: false,
  stored: true,
};

let end = () => {};

beforeEach(() => mock.timers.enable({ apis: ["Date", "setTimeout"], now: 1_000_000 }));
afterEach(() => {
  end();
  mock.timers.reset();
  sessionStorage.clear();
});

/** The field as drawn, and what it sent. */
function field(data = DATA) {
  const { parent, sent, draw } = mount(editor);
  end = draw(data);
  const texts = () => sent.map(([name, { text }]) => `${name}: ${text}`);
  return {
    draw,
    sent,
    texts,
    input: one(parent, "textarea"),
    saved: one(parent, ".saved"),
    error: one(parent, ".error"),
  };
}

test("characters are counted as the server counts them", () => {
  assert.equal(length("  a 🎨 \n"), 3);
  assert.equal(tooLong(10, 10), "");
  assert.equal(tooLong(1200, 1000), "200 too many. Shorten the text to 1,000 characters.");
});

test("what is typed is sent after a pause, and again until the server has heard it", () => {
  const { input, texts, sent, saved, draw } = field();
  type(input, "a red");
  assert.equal(saved.textContent, "Saving…");
  mock.timers.tick(299);
  assert.deepEqual(texts(), []);
  mock.timers.tick(1);
  mock.timers.tick(2000);
  assert.deepEqual(texts(), ["typed: a red", "typed: a red"]);
  draw({ ...DATA, text: "a red", heard: sent.at(-1)[1].number });
  assert.equal(saved.textContent, "Saved");
  mock.timers.tick(10_000);
  assert.equal(texts().length, 2);
});

test("what is typed is sent at once when the field is left", () => {
  const { input, texts } = field();
  type(input, "a red");
  input.dispatchEvent(new Event("blur"));
  assert.deepEqual(texts(), ["typed: a red"]);
});

test("what was typed and not stored outlives a reload", () => {
  type(field().input, "a red");
  end();
  const { input, texts } = field();
  assert.equal(input.value, "a red");
  mock.timers.tick(300);
  assert.deepEqual(texts(), ["typed: a red"]);
});

test("a redraw leaves what is being typed, and a new text of the server replaces it", () => {
  const { input, draw } = field();
  type(input, "a red");
  draw(DATA);
  assert.equal(input.value, "a red");
  draw({ ...DATA, text: "better", revision: 2 });
  assert.equal(input.value, "better");
});

test("a text that is too long says by how much, before what the server says", () => {
  const { input, error } = field({ ...DATA, problem: "Please enter a prompt." });
  assert.equal(error.textContent, "Please enter a prompt.");
  type(input, "a long red kite");
  assert.equal(error.textContent, "5 too many. Shorten the text to 10 characters.");
  assert.equal(input.getAttribute("aria-invalid"), "true");
});

test("other components hear what the field shows, until it is gone", () => {
  type(field().input, "a red");
  assert.deepEqual(fieldState("prompt"), { text: "a red", unsaved: true, touched: false });
  end();
  assert.equal(fieldState("prompt"), undefined);
});
