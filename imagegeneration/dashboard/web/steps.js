// The step of the user: three steps, the current one marked.

/** @import { Mounted } from "./types.d.ts" */
import { el, icon, setText, viewOf } from "./common.js";

/**
 * @param {string} name
 * @param {number} index
 * @param {number} current
 */
function stepNode(name, index, current) {
  if (index < current) {
    const number = el("span.number", {}, icon("check"));
    return el("li.past", {}, number, el("span", {}, name), el("span.visually-hidden", {}, "(done)"));
  }
  const isCurrent = index === current;
  const marks = isCurrent ? { "aria-current": "step", tabindex: "-1" } : {};
  const number = el("span.number", {}, String(index + 1));
  return el(`li.${isCurrent ? "current" : "next"}`, marks, number, el("span", {}, name));
}

/** @param {Mounted<{ steps: string[], current: number }>} mounted */
export default function ({ data: { steps, current }, parentElement }) {
  const view = viewOf(parentElement, () => {
    const list = el("ol.steps", { "aria-label": "Steps" });
    const said = el("p.visually-hidden", { role: "status" });
    parentElement.append(el("div.root", {}, list, said));
    return { list, said, current };
  });
  const nodes = steps.map((name, index) => stepNode(name, index, current));
  view.list.replaceChildren(...nodes);
  if (view.current === current) return;
  view.current = current;
  setText(view.said, `Step ${current + 1} of ${steps.length}: ${steps[current]}`);
  nodes[current]?.focus(); // the pressed button is gone: continue at the top of the next step
}
