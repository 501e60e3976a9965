// Copying, also for pages without a secure context, with feedback that is seen and heard.

import { el, focused, icon, setAttribute, setText } from "./common.js";

const SHOWN_MS = 1600;

/**
 * Put text on the clipboard.
 *
 * @param {string} text
 * @param {HTMLElement} inside a node that is not inert, for the way without the clipboard API
 */
async function copyText(text, inside) {
  try {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // not allowed: copy without the clipboard API
  }
  const area = el("textarea.visually-hidden", { readOnly: true, tabIndex: -1 });
  area.value = text;
  inside.append(area);
  const before = focused(inside);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  before?.focus({ preventScroll: true });
  return copied;
}

/**
 * Make a button that copies what `text()` returns, and says so. With an empty `label` it is an icon named `name`.
 *
 * @param {string} label
 * @param {string} name
 * @param {() => string | null | undefined} text
 * @param {string} [style]
 */
export function copyButton(label, name, text, style = "") {
  const words = label ? el("span", {}, label) : null;
  const glyph = el("span.glyph", {}, icon("copy"));
  const said = el("span.visually-hidden", { role: "status" });
  const button = el(`button.button.copy${style}`, { type: "button", title: name, "aria-label": name }, glyph, words);
  const node = el("span.copying", {}, button, said);
  let shown = label;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  button.addEventListener("click", async (event) => {
    event.stopPropagation();
    const copied = await copyText(text() ?? "", node);
    const message = copied ? "Copied" : "Not copied";
    button.classList.toggle("done", copied);
    glyph.replaceChildren(icon(copied ? "check" : "alert"));
    if (words) setText(words, message);
    setText(said, message);
    button.dataset.copied = String(copied);
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.classList.remove("done");
      delete button.dataset.copied;
      glyph.replaceChildren(icon("copy"));
      if (words) setText(words, shown);
      setText(said, "");
    }, SHOWN_MS);
  });
  return {
    node,
    /**
     * @param {string} next
     * @param {string} full
     */
    rename(next, full) {
      shown = next;
      if (words && !button.dataset.copied) setText(words, next);
      setAttribute(button, "aria-label", full);
      setAttribute(button, "title", full);
    },
  };
}
