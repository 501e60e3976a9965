// A secret that is shown once, with a call that tests it. Both can be copied.

/** @import { Mounted, Parent } from "./types.d.ts" */
import { copyButton } from "./clipboard.js";
import { el, setText, viewOf } from "./common.js";

/**
 * @param {string} name
 * @param {string} label
 */
function makeLine(name, label) {
  const code = el("code");
  const box = el("div.box", { tabIndex: 0, role: "region", "aria-label": name }, code);
  const copy = copyButton("Copy", label, () => code.textContent);
  return { code, node: el("div.line", {}, box, copy.node) };
}

/** @param {Parent} parent */
function makeSecret(parent) {
  const secret = makeLine("The key", "Copy the key");
  const example = makeLine("An example", "Copy the example");
  const about =
    "Copy it now and keep it where secrets are kept. It is never shown again, and nobody can look it up: only its hash is stored.";
  parent.append(el("div.root.secret", {}, el("p", {}, about), secret.node, el("h3", {}, "Try it"), example.node));
  return { secret: secret.code, example: example.code };
}

/** @param {Mounted<{ secret: string, example: string }>} mounted */
export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => makeSecret(parentElement));
  setText(view.secret, data.secret);
  setText(view.example, data.example);
}
