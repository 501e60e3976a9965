import assert from "node:assert/strict";
import { test } from "node:test";

const DARK = "(prefers-color-scheme: dark)";
const kept = new Map();
const systemLists = [];
let isSystemDark = false;

/** A list as browsers make it: `matches` is of its class. */
class MediaQueryList extends EventTarget {
  constructor(media) {
    super();
    this.media = media;
    systemLists.push(this);
  }
  get matches() {
    return this.media === DARK && isSystemDark;
  }
}

const windowEvents = new EventTarget();
globalThis.window = { matchMedia: (media) => new MediaQueryList(media) };
globalThis.document = { documentElement: { dataset: {} } };
globalThis.addEventListener = windowEvents.addEventListener.bind(windowEvents);
globalThis.localStorage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
};
await import("../../imagegeneration/dashboard/web/theme.js");

/** What Streamlit does: it listens once, and asks anew each time. */
const seen = [];
window.matchMedia(DARK).addEventListener("change", () => seen.push(window.matchMedia(DARK).matches));

function painted() {
  return document.documentElement.dataset.theme;
}

function system(isDark) {
  isSystemDark = isDark;
  for (const list of systemLists) list.dispatchEvent(new Event("change"));
}

test("without a choice the theme is the system's, also when that changes", () => {
  assert.equal(studioTheme.chosen, "system");
  assert.equal(painted(), "light");
  system(true);
  assert.equal(painted(), "dark");
  assert.equal(seen.at(-1), true);
});

test("a choice counts more than the system, and is kept", () => {
  studioTheme.choose("light");
  assert.equal(kept.get("studio-theme"), "light");
  assert.equal(seen.at(-1), false);
  system(false);
  system(true);
  assert.equal(seen.at(-1), false);
  assert.equal(painted(), "light");
});

test("to choose the system's is to keep nothing", () => {
  studioTheme.choose("dark");
  studioTheme.choose("system");
  assert.equal(kept.size, 0);
  assert.equal(seen.at(-1), true);
});

test("what is chosen in another window is taken over", () => {
  kept.set("studio-theme", "light");
  windowEvents.dispatchEvent(Object.assign(new Event("storage"), { key: "studio-theme" }));
  assert.equal(studioTheme.chosen, "light");
  assert.equal(seen.at(-1), false);
});

test("other questions go to the browser", () => {
  assert.equal(window.matchMedia("(max-width: 768px)").media, "(max-width: 768px)");
});
