// The buttons to the next step, at the foot of the window. They wait until the server has stored the fields; the
// one that spends money needs a deliberate press, and sends what is on the screen for the server to compare.

/** @import { Mounted, OnwardButton, OnwardData, Parent, Send } from "./types.d.ts" */
import { el, setAttribute, setText, viewOf } from "./common.js";
import { GIVEN_UP_MS, makeOutbox } from "./outbox.js";
import { connectionNode, fieldState, isAnyUnsaved, isConnected } from "./unsaved.js";

const SEEN_MS = 1000;
const HELD_MS = 3000;
const NO_ANSWER = "The studio did not answer. Press the button again once it does: nothing is made twice.";
const OFFLINE = "The connection is lost. Your text is kept here and sent as soon as it is back.";

/**
 * Return whether what is shown is not stored yet. The price is drawn a moment after its text is stored: until then it
 * belongs to another text.
 *
 * @param {Pick<OnwardData, "go" | "field" | "prompt">} data
 */
export function isWaiting({ go, field, prompt }) {
  return !isConnected() || isAnyUnsaved() || (go.spends && fieldState(field)?.text !== prompt);
}

/**
 * Return what a press of a button sends.
 *
 * @param {OnwardButton} button
 * @param {OnwardData} data
 */
export function order(button, { field, count, terms }) {
  const shown = button.spends ? { prompt: fieldState(field)?.text, count, terms } : {};
  return { do: button.key, ...shown };
}

/**
 * Stay at the foot of the window while the page scrolls behind.
 *
 * @param {Parent} parent
 */
function stick(parent) {
  const root = parent.getRootNode();
  const host = root instanceof ShadowRoot ? root.host : /** @type {HTMLElement} */ (parent);
  const box = /** @type {HTMLElement} */ (host.closest('[data-testid="stElementContainer"]') ?? host);
  Object.assign(box.style, { position: "sticky", bottom: "0", zIndex: "50" });
}

/**
 * Call when the connection of the page changes.
 *
 * @param {() => void} changed
 */
function watchConnection(changed) {
  const watch = new MutationObserver(changed);
  const app = connectionNode();
  if (app) watch.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  return watch;
}

/**
 * @param {Parent} parent
 * @param {OnwardData} first
 */
function makeOnward(parent, first) {
  const each = el("b");
  const madeAs = el("span");
  const left = el("span");
  const price = el("p.price", {}, each, madeAs, left);
  const status = el("p.status", { role: "status" });
  const others = el("div.others");
  const go = el("button.button.primary.go", { type: "button" });
  const row = el("div.row", {}, others, go);
  const outbox = makeOutbox();
  let data = first;
  /** @type {Send} */
  let send = () => {};
  /** A press that waits for the text to be stored. @type {{ button: OnwardButton, at: number } | null} */
  let wanted = null;
  let offer = "";
  let offeredAt = 0;
  let note = "";
  let drawn = "";
  parent.append(el("div.root.onward", {}, el("div.said", {}, price, status), row));
  go.addEventListener("click", () => press(data.go));

  /** @param {KeyboardEvent} event */
  function pressByKey(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.repeat || event.isComposing) return;
    if (document.querySelector("[role=dialog]")) return;
    const isDeliberate = fieldState(data.field)?.touched && Date.now() - offeredAt >= SEEN_MS;
    if (data.go.spends && !isDeliberate) return;
    event.preventDefault();
    press(data.go);
  }
  /**
   * Remember a press while the text is being stored, unless it spends money.
   *
   * @param {OnwardButton} button
   */
  function press(button) {
    if (data.busy || outbox.isWaiting() || button.blocked) return;
    if (button.saves !== false && isWaiting(data)) {
      if (!button.spends) wanted = { button, at: Date.now() };
      return;
    }
    wanted = null;
    note = "";
    outbox.put(send, order(button, data));
    setTimeout(giveUp, GIVEN_UP_MS);
    paint();
  }
  function giveUp() {
    if (!outbox.isWaiting()) return;
    outbox.giveUp(send);
    note = NO_ANSWER;
    paint();
  }
  function pressWanted() {
    if (!wanted || isWaiting(data)) return;
    const { button, at } = wanted;
    wanted = null;
    if (Date.now() - at < HELD_MS) press(button);
  }
  function paint() {
    pressWanted();
    const waiting = isWaiting(data);
    const working = data.busy || outbox.isWaiting();
    setText(go, (outbox.isWaiting() && data.go.working) || data.go.label);
    go.disabled = Boolean(working || data.go.blocked || (waiting && data.go.spends));
    setAttribute(go, "aria-disabled", waiting ? "true" : null);
    for (const button of others.querySelectorAll("button")) {
      button.disabled = Boolean(working || (waiting && button.dataset.saves));
    }
    go.classList.toggle("working", working);
    const saving = isConnected() ? "Saving your text…" : OFFLINE;
    status.classList.toggle("short", Boolean(data.short));
    setText(status, data.go.blocked || (waiting && saving) || note || data.status);
  }
  function drawOthers() {
    const now = JSON.stringify(data.others);
    if (drawn === now) return;
    drawn = now;
    others.replaceChildren(
      ...data.others.map((other) => {
        const saves = other.saves === false ? null : "yes";
        const button = el("button.button", { type: "button", "data-saves": saves }, other.label);
        button.addEventListener("click", () => press(other));
        return button;
      }),
    );
  }
  addEventListener("keydown", pressByKey);
  addEventListener("studio-fields", paint);
  const watch = watchConnection(paint);
  stick(parent);
  return {
    /**
     * @param {OnwardData} next
     * @param {Send} setStateValue
     */
    paint(next, setStateValue) {
      data = next;
      send = setStateValue;
      outbox.heard(data.heard);
      const now = `${data.go.label} ${data.terms}`;
      if (offer !== now) offeredAt = Date.now();
      offer = now;
      price.hidden = !data.each;
      setText(each, data.each);
      setText(madeAs, data.made_as ? ` · ${data.made_as}` : "");
      setText(left, data.left ? ` · ${data.left}` : "");
      drawOthers();
      paint();
    },
    end() {
      removeEventListener("keydown", pressByKey);
      removeEventListener("studio-fields", paint);
      watch.disconnect();
    },
  };
}

/** @param {Mounted<OnwardData>} mounted */
export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => makeOnward(parentElement, data));
  view.paint(data, setStateValue);
  return view.end;
}
