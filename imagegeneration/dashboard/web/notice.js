// A message: what happened, and what to do next.

/** @import { Mounted, Parent, Tone } from "./types.d.ts" */
import { el, setAttribute, setText, viewOf } from "./common.js";

/** @param {Parent} parent */
function makeNotice(parent) {
  const title = el("p.title");
  const text = el("p.text");
  const code = el("span.code");
  const box = el("div.notice", {}, el("div", {}, title, text), code);
  parent.append(el("div.root", {}, box));
  return { box, title, text, code };
}

/** @param {Mounted<{ tone: Tone, title: string, text: string, code: string }>} mounted */
export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => makeNotice(parentElement));
  view.box.className = `notice ${data.tone}`;
  setAttribute(view.box, "role", data.tone === "bad" ? "alert" : "status");
  setText(view.title, data.title);
  setText(view.text, data.text);
  setText(view.code, data.code);
}
