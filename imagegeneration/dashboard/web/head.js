// The head of a page: its name, the sandbox label, and how much of today's budget is spent.

/** @import { Mounted, Parent } from "./types.d.ts" */
import { el, setAttribute, setText, viewOf } from "./common.js";

/**
 * @typedef {object} HeadData
 * @property {string} title
 * @property {string} about
 * @property {boolean} sandbox
 * @property {string} spend
 * @property {string} details
 * @property {number | null} share
 */

const PHONE = "(max-width: 768px)";

/**
 * On a phone the menu covers the page: close it once a page was chosen.
 *
 * @param {MouseEvent} event
 */
function closeMenu(event) {
  const target = /** @type {Element | null} */ (event.target);
  if (!target?.closest?.('[data-testid="stSidebarNavLink"]') || !matchMedia(PHONE).matches) return;
  /** @type {HTMLElement | null} */ (document.querySelector('[data-testid="stSidebarCollapseButton"] button'))?.click();
}

/** @param {Parent} parent */
function makeHead(parent) {
  const title = el("h1");
  const about = el("p");
  const label = el("span.label");
  const fill = el("span.fill");
  const meaning = {
    role: "progressbar",
    "aria-label": "Today's budget used",
    "aria-valuemin": "0",
    "aria-valuemax": "100",
  };
  const bar = el("span.bar", meaning, fill);
  const note = "Images come from the sandbox on this machine. No real money is spent.";
  const sandbox = el("span.sandbox", { title: note }, "Sandbox");
  const spend = el("span.spend", {}, label, bar);
  document.addEventListener("click", closeMenu);
  parent.append(el("div.root.head", {}, el("div", {}, title, about), el("div.money", {}, sandbox, spend)));
  return { title, about, sandbox, spend, label, bar, fill };
}

/** @param {Mounted<HeadData>} mounted */
export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => makeHead(parentElement));
  setText(view.title, data.title);
  setText(view.about, data.about);
  view.sandbox.hidden = !data.sandbox;
  setText(view.label, data.spend);
  setAttribute(view.spend, "title", data.details);
  view.bar.hidden = data.share === null;
  if (data.share === null) return;
  setAttribute(view.bar, "aria-valuenow", String(Math.round(data.share * 100)));
  view.fill.style.width = `${Math.max(data.share * 100, data.share > 0 ? 3 : 0)}%`;
  view.bar.classList.toggle("high", data.share >= 0.8);
}
