import assert from "node:assert/strict";
import { test } from "node:test";
import { changesSince } from "../../imagegeneration/dashboard/web/news.js";

const KITE = { id: "1", title: "A kite", status: "Running" };
const BOAT = { id: "2", title: "A boat", status: "Done" };

/** What a page showed. */
function shown(cards, page = "all") {
  return { page, known: new Map(cards.map(({ id, status }) => [id, status])) };
}

test("a page that was just opened has no news", () => {
  assert.equal(changesSince(undefined, { cards: [KITE], page: "all", empty: null }), "");
});

test("nothing changed, nothing is said", () => {
  assert.equal(changesSince(shown([KITE, BOAT]), { cards: [BOAT, KITE], page: "all", empty: null }), "");
});

test("a new status and a new job are told by their names", () => {
  const now = { cards: [BOAT, { ...KITE, status: "Done" }], page: "all", empty: null };
  assert.equal(changesSince(shown([KITE]), now), "New job: A boat, Done. A kite, Done");
});

test("a job that is gone is no news", () => {
  assert.equal(changesSince(shown([KITE, BOAT]), { cards: [BOAT], page: "all", empty: null }), "");
});

test("of another list its length is told, or that it is empty", () => {
  const before = shown([KITE]);
  assert.equal(changesSince(before, { cards: [BOAT], page: "done", empty: null }), "1 job");
  assert.equal(changesSince(before, { cards: [BOAT, KITE], page: "done", empty: null }), "2 jobs");
  const empty = { title: "Nothing is waiting", text: "" };
  assert.equal(changesSince(before, { cards: [], page: "queued", empty }), "Nothing is waiting");
});
