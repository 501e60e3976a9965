import "./dom.js";
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { jobOf, makeAddress, withJob } from "../../imagegeneration/dashboard/web/address.js";

const JOBS = "http://localhost/jobs?page=2";
let steps = [];

beforeEach(() => {
  steps = [];
  globalThis.location = { href: JOBS };
  const go = (name) => (_state, _title, href) => {
    steps.push(name);
    location.href = href;
  };
  globalThis.history = { pushState: go("push"), replaceState: go("replace"), back: () => steps.push("back") };
});

/** An address that is in use, as on Jobs. */
function used() {
  return Object.assign(makeAddress(), { isUsed: true });
}

test("the job is a parameter beside others", () => {
  assert.equal(withJob(JOBS, "imgjob_1"), `${JOBS}&job=imgjob_1`);
  assert.equal(withJob(`${JOBS}&job=imgjob_1`, null), JOBS);
  assert.equal(jobOf(`${JOBS}&job=imgjob_1`), "imgjob_1");
  assert.equal(jobOf(JOBS), null);
});

test("to open a job is a step, to go to the next one is none, to close it is the way back", () => {
  const address = used();
  address.add("a");
  address.add("a");
  address.add("b");
  assert.equal(jobOf(location.href), "b");
  address.remove();
  assert.deepEqual(steps, ["push", "replace", "back"]);
});

test("a job that was open when the page came is closed without a step back", () => {
  location.href = `${JOBS}&job=a`;
  const address = used();
  address.remove();
  assert.deepEqual(steps, ["replace"]);
  assert.equal(location.href, JOBS);
});

test("once the server has said which job is open, to close it is no step back", () => {
  const address = used();
  address.add("a");
  address.follow();
  address.remove();
  assert.deepEqual(steps, ["push", "replace"]);
});

test("where the address is not in use it is left alone", () => {
  const address = makeAddress();
  address.add("a");
  address.remove();
  assert.deepEqual(steps, []);
});
