// The choice of a theme. What it does is in the document (theme.js), because it comes before everything else.

/** @import { Mounted, Parent, Theme } from "./types.d.ts" */
import { el, viewOf } from "./common.js";

/** @type {[Theme, string][]} */
const THEMES = [
  ["system", "System"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** @param {Parent} parent */
function makeSwitch(parent) {
  const inputs = THEMES.map(([theme]) => {
    const input = el("input", { type: "radio", name: "theme", value: theme });
    input.addEventListener("change", () => globalThis.studioTheme.choose(theme));
    return input;
  });
  const labels = THEMES.map(([, name], index) => el("label", {}, inputs[index], el("span", {}, name)));
  const title = el("span.title", { id: "theme" }, "Theme");
  const choices = el("div.choices", { role: "radiogroup", "aria-labelledby": "theme" }, ...labels);
  parent.append(el("div.root.theme", {}, title, choices));
  function paint() {
    for (const input of inputs) input.checked = input.value === globalThis.studioTheme.chosen;
  }
  return { paint };
}

/** @param {Mounted<object>} mounted */
export default function ({ parentElement }) {
  const { paint } = viewOf(parentElement, () => makeSwitch(parentElement));
  paint();
  addEventListener("storage", paint); // chosen in another window
  return () => removeEventListener("storage", paint);
}
