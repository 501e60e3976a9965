// A text field: label, live count, error, and a value that is sent until the server has stored it. What was typed
// and not stored yet outlives the connection, a restart of the server and a reload: it is kept in this window.

/** @import { EditorData, Mounted, Parent } from "./types.d.ts" */
import { el, setAttribute, setText, viewOf } from "./common.js";
import { AGAIN_MS, makeSync } from "./sync.js";
import { tellField } from "./unsaved.js";

const PAUSE_MS = 300;

/**
 * Count characters as the server does: code points, without the space around.
 *
 * @param {string} text
 */
export function length(text) {
  return [...text.trim()].length;
}

/**
 * Return what is wrong with a text of `used` characters, or "".
 *
 * @param {number} used
 * @param {number} limit
 */
export function tooLong(used, limit) {
  if (used <= limit) return "";
  const over = (used - limit).toLocaleString("en");
  return `${over} too many. Shorten the text to ${limit.toLocaleString("en")} characters.`;
}

/**
 * Keep what was typed and not stored in this window. A window without storage has it on the screen only.
 *
 * @param {string} name
 */
function makeKeep(name) {
  const key = `unsaved-${name}`;
  return {
    /** @param {string | null} text */
    put(text) {
      try {
        if (text === null) sessionStorage.removeItem(key);
        else sessionStorage.setItem(key, text);
      } catch {
        // no storage
      }
    },
    get() {
      try {
        return sessionStorage.getItem(key);
      } catch {
        return null;
      }
    },
  };
}

/**
 * @param {Parent} parent
 * @param {EditorData} first
 */
function makeEditor(parent, first) {
  const id = "field";
  const input =
    first.rows > 1
      ? el("textarea", { id, rows: String(first.rows), spellcheck: "true" })
      : el("input", { id, type: "text", autocomplete: "off", spellcheck: "true" });
  input.setAttribute("aria-describedby", "count error");
  input.maxLength = first.limit * 5;
  const label = el("label", { for: id });
  const count = el("span.count", { id: "count" });
  const saved = el("span.saved");
  const error = el("p.error", { id: "error", role: "alert" });
  const sync = makeSync(first.text);
  const keep = makeKeep(first.name);
  let data = first;
  let isTouched = false;
  /** @type {(typed: object) => void} */
  let send = () => {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  parent.append(el("div.root.editor", {}, el("div.head", {}, label, saved, count), input, error));

  /** Return the text as the server gets it: half a surrogate pair cannot be sent. */
  function textOf() {
    return input.value.toWellFormed ? input.value.toWellFormed() : input.value;
  }
  const isUnsaved = () => sync.isUnsaved(textOf());
  const keepUnsaved = () => keep.put(isUnsaved() ? textOf() : null);

  /** @param {number} pause */
  function later(pause) {
    clearTimeout(timer);
    timer = setTimeout(flush, pause);
  }
  /** Send the text if the server does not have it, and again until it does. */
  function flush() {
    clearTimeout(timer);
    if (!isUnsaved()) return;
    const wait = sync.wait(textOf());
    if (wait === 0) send(sync.message(textOf()));
    later(wait || AGAIN_MS);
  }
  function paint() {
    const text = textOf();
    const unsaved = isUnsaved();
    const used = length(text);
    setText(count, `${used.toLocaleString("en")} / ${data.limit.toLocaleString("en")}`);
    setText(saved, unsaved ? "Saving…" : text ? "Saved" : "");
    count.classList.toggle("over", used > data.limit);
    setText(error, tooLong(used, data.limit) || data.problem);
    setAttribute(input, "aria-invalid", error.textContent ? "true" : null);
    tellField(data.name, { text, unsaved, touched: isTouched });
  }
  input.addEventListener("input", () => {
    keepUnsaved();
    later(PAUSE_MS);
    paint();
  });
  input.addEventListener("focus", () => {
    isTouched = true;
    paint();
  });
  // The text must arrive before the user's next action: a click elsewhere, or the shortcut of a button.
  input.addEventListener("blur", flush);
  /** @type {HTMLElement} */ (input).addEventListener("keydown", (event) => {
    const isSend = event.ctrlKey || event.metaKey || data.rows === 1;
    if (event.key === "Enter" && !event.isComposing && isSend) flush();
  });
  addEventListener("pagehide", flush);

  return {
    /**
     * @param {EditorData} next
     * @param {(typed: object) => void} sending
     */
    hear(next, sending) {
      data = next;
      send = sending;
      const shown = sync.choose(data, input.value, keep.get());
      if (input.value !== shown) input.value = shown;
      sync.hear(data);
      setText(label, data.label);
      setAttribute(input, "placeholder", data.placeholder);
      input.readOnly = data.locked;
      keepUnsaved();
      if (isUnsaved()) later(Math.max(PAUSE_MS, sync.wait(textOf())));
      else clearTimeout(timer);
      paint();
    },
    end() {
      clearTimeout(timer);
      removeEventListener("pagehide", flush);
      tellField(data.name);
    },
  };
}

/** @param {Mounted<EditorData>} mounted */
export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => makeEditor(parentElement, data));
  view.hear(data, (typed) => setStateValue("typed", typed));
  return view.end;
}
