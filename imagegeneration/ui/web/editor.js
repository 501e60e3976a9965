// One field of text: label, live count, error, and a value that reaches the server while the person types.

const PAUSE_MS = 300;

/** Characters as the server counts them: code points, without the space around. */
function length(text) {
  return [...text.trim()].length;
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
    stored: data.text,
    error: el("p.error", { id: "error", role: "alert" }),
    revision: null,
    sent: null,
    timer: null,
  };
  const head = el("div.head", {}, view.label, view.saved, view.count);
  parent.append(el("div.root.editor", {}, head, input, view.error));
  input.addEventListener("input", () => {
    paint(view);
    clearTimeout(view.timer);
    view.timer = setTimeout(() => flush(view), PAUSE_MS);
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

function flush(view) {
  clearTimeout(view.timer);
  if (view.input.value === view.sent) return;
  view.sent = view.input.value;
  view.send(view.input.value);
}

function paint(view) {
  const used = length(view.input.value);
  const over = used - view.limit;
  setText(view.count, `${used.toLocaleString("en")} / ${view.limit.toLocaleString("en")}`);
  const text = view.input.value;
  setText(view.saved, text === view.stored ? (text && view.keeps ? "Saved" : "") : "Saving…");
  view.count.classList.toggle("over", over > 0);
  const tooLong = over > 0 ? `${over.toLocaleString("en")} too many. Shorten the text to ${view.limit.toLocaleString("en")} characters.` : "";
  setText(view.error, tooLong || view.problem);
  setAttribute(view.input, "aria-invalid", view.error.textContent ? "true" : null);
}

export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => makeEditor(parentElement, data));
  view.send = (text) => setStateValue("text", text);
  view.limit = data.limit;
  view.problem = data.problem;
  view.stored = data.text;
  view.keeps = data.stored;
  setText(view.label, data.label);
  setAttribute(view.input, "placeholder", data.placeholder);
  view.input.readOnly = data.locked;
  // What the server says counts only when the server changed it: an echo must not undo what was typed since.
  if (view.revision !== data.revision) {
    view.revision = data.revision;
    view.input.value = data.text;
    view.sent = view.input.value;
    clearTimeout(view.timer);
  }
  paint(view);
  return () => {
    clearTimeout(view.timer);
    removeEventListener("pagehide", view.leave);
  };
}
