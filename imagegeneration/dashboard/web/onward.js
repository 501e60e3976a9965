// The buttons that lead on, at the foot of the window. They wait until the server has stored what the fields show; the
// one that spends money takes a deliberate act, and sends what is on the screen for the server to compare.

const SEEN_MS = 1000;
const HELD_MS = 3000;

function makeOnward(parent) {
  const each = el("b"), madeAs = el("span"), left = el("span"), status = el("p.status", { role: "status" });
  const others = el("div.others"), price = el("p.price", {}, each, madeAs, left);
  const go = el("button.button.primary.go", { type: "button" });
  parent.append(el("div.root.onward", {}, el("div.said", {}, price, status), el("div.row", {}, others, go)));
  const view = { each, madeAs, left, status, others, price, go, outbox: makeOutbox(), wanted: null, since: 0, offer: "", note: "", drawn: "" };
  go.addEventListener("click", () => press(view, view.data.go));
  view.key = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.repeat || event.isComposing) return;
    if (document.querySelector("[role=dialog]")) return;
    const field = globalThis.studioFields?.get(view.data.field);
    const deliberate = field?.touched && Date.now() - view.since >= SEEN_MS;
    if (view.data.go.spends && !deliberate) return;
    event.preventDefault();
    press(view, view.data.go);
  };
  view.changed = () => paint(view);
  addEventListener("keydown", view.key);
  addEventListener("studio-fields", view.changed);
  view.watch = new MutationObserver(view.changed);
  const app = document.querySelector("[data-test-connection-state]");
  if (app) view.watch.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  stick(parent);
  return view;
}

/** Stay at the foot of the window while the page scrolls behind. */
function stick(parent) {
  const host = parent.getRootNode().host ?? parent;
  const box = host.closest('[data-testid="stElementContainer"]') ?? host;
  Object.assign(box.style, { position: "sticky", bottom: "0", zIndex: "50" });
}

function isUnsaved() {
  return [...globalThis.studioFields.values()].some(({ unsaved }) => unsaved);
}

/** The price is drawn a moment after the field says that its text is stored: until then it is of another text. */
function isOfAnotherText({ data }) {
  return data.go.spends && globalThis.studioFields.get(data.field)?.text !== data.prompt;
}

function waits(view) {
  return !isConnected() || isUnsaved() || isOfAnotherText(view);
}

/** A press that spends nothing is remembered for the moment that storing takes; one that spends is not. */
function press(view, button) {
  if (view.data.busy || view.outbox.isWaiting() || button.blocked) return;
  if (waits(view) && button.saves !== false) {
    if (!button.spends) view.wanted = { button, at: Date.now() };
    return;
  }
  view.wanted = null;
  view.note = "";
  const shown = button.spends ? { prompt: globalThis.studioFields.get(view.data.field)?.text, count: view.data.count, terms: view.data.terms } : {};
  view.outbox.put(view.send, { do: button.key, ...shown });
  setTimeout(() => {
    if (!view.outbox.isWaiting()) return;
    view.outbox.giveUp(view.send);
    view.note = "The studio did not answer. Press the button again once it does: nothing is made twice.";
    paint(view);
  }, GIVEN_UP_MS);
  paint(view);
}

function paint(view) {
  const { data } = view;
  if (view.wanted && !waits(view)) {
    const { button, at } = view.wanted;
    view.wanted = null;
    if (Date.now() - at < HELD_MS) press(view, button);
  }
  const waiting = waits(view), working = data.busy || view.outbox.isWaiting();
  setText(view.go, view.outbox.isWaiting() && data.go.working ? data.go.working : data.go.label);
  view.go.disabled = Boolean(working || data.go.blocked || (waiting && data.go.spends));
  setAttribute(view.go, "aria-disabled", waiting ? "true" : null);
  for (const button of view.others.children) button.disabled = Boolean(working || (waiting && button.dataset.saves));
  view.go.classList.toggle("working", Boolean(working));
  const saving = isConnected() ? "Saving your text…" : "The connection is lost. Your text is kept here and sent as soon as it is back.";
  view.status.classList.toggle("short", Boolean(data.short));
  setText(view.status, data.go.blocked || (waiting && saving) || view.note || data.status);
}

export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => makeOnward(parentElement));
  view.send = setStateValue;
  view.data = data;
  view.outbox.heard(data.heard);
  if (view.offer !== `${data.go.label} ${data.terms}`) {
    view.offer = `${data.go.label} ${data.terms}`;
    view.since = Date.now();
  }
  view.price.hidden = !data.each;
  setText(view.each, data.each);
  setText(view.madeAs, data.made_as ? ` · ${data.made_as}` : "");
  setText(view.left, data.left ? ` · ${data.left}` : "");
  const drawn = JSON.stringify(data.others);
  if (view.drawn !== drawn) {
    view.drawn = drawn;
    view.others.replaceChildren(...data.others.map((other) => {
      const button = el("button.button", { type: "button", "data-saves": other.saves === false ? null : "yes" }, other.label);
      button.addEventListener("click", () => press(view, other));
      return button;
    }));
  }
  paint(view);
  return () => {
    removeEventListener("keydown", view.key);
    removeEventListener("studio-fields", view.changed);
    view.watch.disconnect();
  };
}
