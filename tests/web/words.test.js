// What components say in words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { timeLine } from "../../imagegeneration/dashboard/web/card.js";
import { imageFacts } from "../../imagegeneration/dashboard/web/dialog.js";
import { inWords } from "../../imagegeneration/dashboard/web/offers.js";
import { contents } from "../../imagegeneration/dashboard/web/sections.js";
import { spot } from "../../imagegeneration/dashboard/web/viewer.js";

test("the line about time tells how long an active job has been at it, and how long an ended one took", () => {
  const now = Date.now();
  const job = { over: false, since: now - 5000, created: now - 120_000, until: null, about: "about 8 s an image" };
  assert.equal(timeLine(job, false), "for 5 s · about 8 s an image");
  assert.equal(timeLine({ ...job, about: null }, false), "for 5 s");
  assert.equal(timeLine({ ...job, over: true, until: now }, true), "took 5 s");
  assert.equal(timeLine({ ...job, over: true, until: now }, false), "2 min ago");
});

test("a model is a sentence for those who do not see its row", () => {
  const offer = { title: "Flux", price: "$0.03", estimate: true, time: "8 s", quality: "7 of 10", about: "" };
  assert.equal(inWords(offer), "Flux, up to $0.03 an image, by an estimate, about 8 s, quality 7 of 10");
  assert.equal(inWords({ ...offer, price: null, time: "", about: "Not now." }), "Flux, Not now.");
});

test("few rows are told by their titles, many by their number, none by what stands there", () => {
  const rows = (count) => Array.from({ length: count }, (_, index) => ({ title: `Row ${index}` }));
  assert.equal(contents({ rows: rows(2), empty: "Nothing" }), "Row 0. Row 1");
  assert.equal(contents({ rows: rows(4), empty: "Nothing" }), "4");
  assert.equal(contents({ rows: [], empty: "Nothing" }), "Nothing");
});

test("an image is told with each attempt at it", () => {
  const attempt = { title: "Attempt", rows: [{ label: "Model" }] };
  const titles = (details) => imageFacts(details).map(({ title }) => title);
  assert.deepEqual(titles({ title: "Image 1", rows: [{ label: "Size" }], attempts: [attempt] }), [
    "Image 1",
    "Image 1 · Attempt",
  ]);
  assert.deepEqual(titles({ title: "Image 1", rows: [], attempts: [attempt] }), ["Image 1 · Attempt"]);
  assert.deepEqual(titles(undefined), []);
});

test("a click is a place in the picture, which stands in the middle of its box", () => {
  const box = { x: 100, y: 0, width: 400, height: 200 };
  const wide = { getBoundingClientRect: () => box, naturalWidth: 200, naturalHeight: 200 };
  assert.deepEqual(spot(wide, { clientX: 300, clientY: 100 }), [0.5, 0.5]);
  assert.deepEqual(spot(wide, { clientX: 200, clientY: 0 }), [0, 0]);
  assert.deepEqual(spot(wide, { clientX: 110, clientY: 200 }), [0, 1]);
});
