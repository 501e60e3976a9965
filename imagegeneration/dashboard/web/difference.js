// The difference between two prompts, as text: both can be read from it exactly.

/** @import { Mounted, Piece } from "./types.d.ts" */
import { el, setText, viewOf } from "./common.js";

const TAGS = /** @type {const} */ ({ added: "ins", removed: "del" });

/**
 * Make a piece of the text. A removed or added line break is marked, because it is invisible alone.
 *
 * @param {Piece} piece
 */
function pieceNode([kind, text]) {
  if (kind === "same") return el("span", {}, text);
  const parts = text.split(/(\r\n|\r|\n)/);
  return el(TAGS[kind], {}, ...parts.map((part, index) => (index % 2 ? el("span.break", {}, part) : part)));
}

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
  view.text.replaceChildren(...data.pieces.map(pieceNode));
}
