// A short list of explanations; its texts are the studio's.

/** @import { Mounted } from "./types.d.ts" */
import { el, viewOf } from "./common.js";

/** @param {Mounted<{ title: string, items: [string, string][] }>} mounted */
export default function ({ data, parentElement }) {
  viewOf(parentElement, () => {
    const items = data.items.map(([name, text]) => el("li", {}, el("b", {}, name), el("span", {}, text)));
    parentElement.append(el("div.root.aside", {}, el("h2", {}, data.title), el("ol", {}, ...items)));
    return {};
  });
}
