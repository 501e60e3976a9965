import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { GIVEN_UP_MS, makeOutbox } from "../../imagegeneration/dashboard/web/outbox.js";

beforeEach(() => mock.timers.enable({ apis: ["Date"], now: 1_000_000 }));
afterEach(() => mock.timers.reset());

/** An outbox and what it sent last. */
function box() {
  const outbox = makeOutbox();
  const last = { sent: [] };
  const send = (name, value) => {
    assert.equal(name, "sent");
    last.sent = value.map(({ number, body }) => [number, body]);
  };
  return { outbox, last, put: (body) => outbox.put(send, body), giveUp: () => outbox.giveUp(send) };
}

test("a message is sent with each later one until it was heard", () => {
  const { outbox, last, put } = box();
  put("a");
  put("b");
  assert.deepEqual(last.sent, [
    [1, "a"],
    [2, "b"],
  ]);
  outbox.heard(1);
  assert.equal(outbox.isWaiting(), true);
  put("c");
  assert.deepEqual(last.sent, [
    [2, "b"],
    [3, "c"],
  ]);
  outbox.heard(3);
  assert.equal(outbox.isWaiting(), false);
});

test("numbers go on from what the server has heard, also of a page before this one", () => {
  const { outbox, last, put } = box();
  outbox.heard(500);
  put("a");
  outbox.heard(400);
  put("b");
  assert.deepEqual(last.sent, [
    [501, "a"],
    [502, "b"],
  ]);
});

test("a message that nobody heard for long is not sent again", () => {
  const { last, put } = box();
  put("old");
  mock.timers.tick(GIVEN_UP_MS);
  put("new");
  assert.deepEqual(last.sent, [[2, "new"]]);
});

test("what was given up is taken back, and its number is not used again", () => {
  const { outbox, last, put, giveUp } = box();
  put("a");
  giveUp();
  assert.deepEqual(last.sent, []);
  assert.equal(outbox.isWaiting(), false);
  put("b");
  assert.deepEqual(last.sent, [[2, "b"]]);
});
