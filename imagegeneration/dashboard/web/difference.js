// The difference between two prompts, as text.

/** @import { Mounted, Piece } from "./types.d.ts" */
import { el, setText, viewOf } from "./common.js";

const TAGS = /** @type {const} */ ({ same: "span", added: "ins", removed: "del" });

/** @param {Mounted<{ pieces: Piece[], summary: string }>} mounted */
export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => {
    const summary = el("p.summary", { "aria-live": "polite" });
    const text = el("div.pieces.user-text", { role: "region", "aria-label": "What changed", tabIndex: 0 });
    parentElement.append(el("div.root.difference", {}, summary, text));
    return { summary, text };
  });
  setText(view.summary, data.summary);
  view.text.hidden = data.pieces.every(([kind]) => kind === "same");
  view.text.replaceChildren(...data.pieces.map(([kind, text]) => el(TAGS[kind], {}, text)));
}
