// A field of text: label, live count, error, and a value that is sent until the server has stored it. What was typed
// and not stored yet outlives the connection, a restart of the server and a reload: it is kept in this window.

const PAUSE_MS = 300;
const AGAIN_MS = 2000;

/** Characters as the server counts them: code points, without the space around. */
function length(text) {
  return [...text.trim()].length;
}

/** The text as the server gets it: half a character cannot be sent. */
function textOf(view) {
  const { value } = view.input;
  return value.toWellFormed ? value.toWellFormed() : value;
}

function makeEditor(parent, data) {
  const id = "field";
  const input = data.rows > 1
    ? el("textarea", { id, rows: String(data.rows), spellcheck: "true" })
    : el("input", { id, type: "text", autocomplete: "off", spellcheck: "true" });
  input.setAttribute("aria-describedby", "count error");
  input.maxLength = data.limit * 5;
  const view = {
    input,
    label: el("label", { for: id }),
    count: el("span.count", { id: "count" }),
    saved: el("span.saved"),
    error: el("p.error", { id: "error", role: "alert" }),
    name: data.name,
    session: null, revision: null,
    sent: null, number: 0, sentAt: 0, // what was sent last
    stored: data.text, heard: 0, keeps: true, // what the server said last
    touched: false,
    timer: null,
  };
  const head = el("div.head", {}, view.label, view.saved, view.count);
  parent.append(el("div.root.editor", {}, head, input, view.error));
  input.addEventListener("input", () => {
    keep(view);
    later(view, PAUSE_MS);
    paint(view);
  });
  input.addEventListener("focus", () => {
    view.touched = true;
    paint(view);
  });
  // The text has to be there before whatever the person does next: a click elsewhere, or the shortcut of a button.
  input.addEventListener("blur", () => flush(view));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing && (event.ctrlKey || event.metaKey || data.rows === 1)) flush(view);
  });
  view.leave = () => flush(view);
  addEventListener("pagehide", view.leave);
  return view;
}

function isUnsaved(view) {
  const text = textOf(view);
  const known = text === view.stored || (text === view.sent && view.heard >= view.number);
  return !known || !view.keeps;
}

/** Keep what is not stored in this window, and forget it once it is. */
function keep(view) {
  const name = `unsaved-${view.name}`;
  try {
    if (isUnsaved(view)) sessionStorage.setItem(name, textOf(view));
    else sessionStorage.removeItem(name);
  } catch { /* a window without storage: the text is on the screen only */ }
}

function kept(view) {
  try {
    return sessionStorage.getItem(`unsaved-${view.name}`);
  } catch {
    return null;
  }
}

function later(view, pause) {
  clearTimeout(view.timer);
  view.timer = setTimeout(() => flush(view), pause);
}

/** Send the text if the server does not have it, and again until it does. */
function flush(view) {
  clearTimeout(view.timer);
  if (!isUnsaved(view)) return;
  const text = textOf(view);
  const wait = view.sentAt + AGAIN_MS - Date.now();
  if (text === view.sent && wait > 0) return later(view, wait);
  view.sent = text;
  view.sentAt = Date.now();
  view.number = Math.max(view.sentAt, view.number + 1);
  view.send({ text, number: view.number });
  later(view, AGAIN_MS);
}

function paint(view) {
  const text = textOf(view), unsaved = isUnsaved(view);
  const used = length(text);
  const over = used - view.limit;
  setText(view.count, `${used.toLocaleString("en")} / ${view.limit.toLocaleString("en")}`);
  setText(view.saved, unsaved ? "Saving…" : text ? "Saved" : "");
  view.count.classList.toggle("over", over > 0);
  const tooLong = over > 0 ? `${over.toLocaleString("en")} too many. Shorten the text to ${view.limit.toLocaleString("en")} characters.` : "";
  setText(view.error, tooLong || view.problem);
  setAttribute(view.input, "aria-invalid", view.error.textContent ? "true" : null);
  tellField(view.name, { text, unsaved, touched: view.touched });
}

/** The text to show. What the server says counts only where nothing was typed that it has not taken. */
function choose(view, data) {
  if (view.session === null) return kept(view) ?? data.text;
  if (view.session !== data.session) return isUnsaved(view) ? view.input.value : data.text; // the server forgot this page
  if (view.revision !== data.revision && data.heard >= view.number) return data.text;
  return view.input.value;
}

export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => makeEditor(parentElement, data));
  view.send = (typed) => setStateValue("typed", typed);
  view.limit = data.limit;
  view.problem = data.problem;
  const shown = choose(view, data);
  if (view.input.value !== shown) view.input.value = shown;
  if (view.session !== data.session) view.sentAt = 0;
  view.session = data.session;
  view.revision = data.revision;
  view.stored = data.text;
  view.heard = data.heard;
  view.keeps = data.stored;
  setText(view.label, data.label);
  setAttribute(view.input, "placeholder", data.placeholder);
  view.input.readOnly = data.locked;
  keep(view);
  if (isUnsaved(view)) later(view, Math.max(PAUSE_MS, view.sentAt + AGAIN_MS - Date.now()));
  else clearTimeout(view.timer);
  paint(view);
  return () => {
    clearTimeout(view.timer);
    removeEventListener("pagehide", view.leave);
    tellField(view.name);
  };
}
