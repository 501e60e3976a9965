// A status as a word with a colored dot.

/** @import { Status } from "./types.d.ts" */
import { el, setText } from "./common.js";

/** @param {Status} [data] */
export function pill(data = { status: "", tone: "neutral" }) {
  const word = el("span.word");
  const node = el("span.pill", {}, el("span.dot"), word);
  /** @param {Status} next */
  const paint = ({ status, tone }) => {
    node.className = `pill ${tone}`;
    setText(word, status);
  };
  paint(data);
  return { node, paint };
}
