import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { AGAIN_MS, makeSync } from "../../imagegeneration/dashboard/web/sync.js";

const NOW = 1_000_000;
const SAID = { session: "s1", revision: 1, heard: 0, text: "a kite", stored: true };

beforeEach(() => mock.timers.enable({ apis: ["Date"], now: NOW }));
afterEach(() => mock.timers.reset());

/** A field that the server has drawn. */
function drawn(said = SAID) {
  const sync = makeSync(said.text);
  sync.hear(said);
  return sync;
}

test("a text is saved once the server has heard it", () => {
  const sync = drawn();
  assert.equal(sync.isUnsaved("a kite"), false);
  assert.equal(sync.isUnsaved("a red kite"), true);
  const { number } = sync.message("a red kite");
  assert.equal(sync.isUnsaved("a red kite"), true);
  sync.hear({ ...SAID, heard: number });
  assert.equal(sync.isUnsaved("a red kite"), false);
});

test("nothing is saved while the server cannot store it", () => {
  const sync = drawn({ ...SAID, stored: false });
  assert.equal(sync.isUnsaved("a kite"), true);
});

test("what was typed before a reload comes back", () => {
  assert.equal(makeSync("a kite").choose(SAID, "", "a red kite"), "a red kite");
  assert.equal(makeSync("a kite").choose(SAID, "", null), "a kite");
});

test("the server's text is shown only where it is another one, and all that was typed was heard", () => {
  const sync = drawn();
  assert.equal(sync.choose({ ...SAID, text: "an echo" }, "typed on", null), "typed on");
  assert.equal(sync.choose({ ...SAID, revision: 2, text: "a suggestion" }, "typed on", null), "a suggestion");
  const { number } = sync.message("typed on");
  const suggestion = { ...SAID, revision: 2, text: "a suggestion" };
  assert.equal(sync.choose({ ...suggestion, heard: number - 1 }, "typed on", null), "typed on");
  assert.equal(sync.choose({ ...suggestion, heard: number }, "typed on", null), "a suggestion");
});

test("after a restart of the server what it has not stored stays, and the rest is what it says", () => {
  const restarted = { ...SAID, session: "s2", text: "stored" };
  assert.equal(drawn().choose(restarted, "typed on", null), "typed on");
  assert.equal(drawn().choose(restarted, "a kite", null), "stored");
});

test("the same text is sent again only after a while, another one at once", () => {
  const sync = drawn();
  sync.message("a red kite");
  assert.equal(sync.wait("a red kite"), AGAIN_MS);
  assert.equal(sync.wait("a blue kite"), 0);
  mock.timers.tick(AGAIN_MS);
  assert.equal(sync.wait("a red kite"), 0);
});

test("after a restart of the server the text is sent at once", () => {
  const sync = drawn();
  sync.message("a red kite");
  sync.hear({ ...SAID, session: "s2" });
  assert.equal(sync.wait("a red kite"), 0);
});

test("numbers grow, also where the clock does not", () => {
  const sync = drawn();
  const numbers = ["a", "b", "c"].map((text) => sync.message(text).number);
  assert.deepEqual(numbers, [NOW, NOW + 1, NOW + 2]);
});
