import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ago, span, whenText } from "../../imagegeneration/dashboard/web/time.js";

const NOW = Date.UTC(2026, 4, 10, 12);
const DAY = 86_400_000;

beforeEach((context) => {
  mock.timers.enable({ apis: ["Date"], now: NOW });
  context.after?.(() => mock.timers.reset());
});

test("a span is said in its two largest units", () => {
  const said = [-5, 0, 59.4, 59.6, 3599, 3600, 7384].map(span);
  assert.deepEqual(said, ["0 s", "0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "2 h 3 min"]);
});

test("a moment is told by how long ago it was, and from a day on by its date", () => {
  const said = [44, 45, 3599, 3600, 86_399].map((seconds) => ago(NOW - 1000 * seconds));
  assert.deepEqual(said, ["just now", "1 min ago", "60 min ago", "1 h ago", "24 h ago"]);
  assert.match(ago(NOW - DAY), /2026/);
});

test("a ticking time goes by the server's clock", () => {
  const fast = 5000; // this clock is ahead
  assert.equal(whenText({ at: NOW - 10_000, how: "for" }, fast), "5 s");
  assert.equal(whenText({ at: NOW - 10_000, how: "ago" }, fast), "5 s ago");
  assert.equal(whenText({ at: NOW - fast, how: "ago" }, fast), "now");
  assert.match(whenText({ at: NOW - DAY, how: "ago" }, 0), /2026/);
});

test("a time to come is a span, far away also a date, and over it is now", () => {
  assert.equal(whenText({ at: NOW + 90_000, how: "until" }, 0), "in 1 min 30 s");
  assert.match(whenText({ at: NOW + 3 * DAY, how: "until" }, 0), /^in 3 days, on .*2026/);
  assert.equal(whenText({ at: NOW, how: "until" }, 0), "now");
  assert.equal(whenText({ at: NOW - 1000, how: "until" }, 0), "now");
});
