// The question before an action: what it does, why, and the button that does it. What is shown and typed
// stays as it is while the page refreshes, so that a user confirms exactly what they read.

/** @import { Action, Answer, Ask, Input, Order } from "./types.d.ts" */
import { el, icon, setText } from "./common.js";

let asked = 0;

function newId() {
  asked += 1;
  return `ask-${asked}`;
}

/** @typedef {Action & { ask: Ask }} Asking */

/**
 * Return the action if it asks first, or null.
 *
 * @param {Action | undefined} action
 */
function asking(action) {
  return action?.ask ? /** @type {Asking} */ (action) : null;
}

/**
 * @param {Asking} action
 * @param {{ act: (order: Order) => void, leave: () => void }} told
 */
function makeAsk(action, { act, leave }) {
  const form = el("form.ask", { novalidate: true });
  const said = el("p.answer", { role: "alert" });
  let latest = action;
  /** @type {HTMLInputElement[]} */
  let inputs = [];
  /** @type {HTMLInputElement | null} */
  let agree = null;
  let confirm = el("button");
  let { order } = action;

  /** @param {Input} facts */
  function field({ name, label, value, hint }) {
    const id = newId();
    const maxLength = name === "reason" ? 500 : 20;
    const input = el("input", { id, name, type: "text", autocomplete: "off", maxLength });
    input.value = value;
    inputs.push(input);
    return el(`div.field.${name}`, {}, el("label", { for: id }, label), input, hint ? el("span.hint", {}, hint) : null);
  }
  function agreement() {
    if (!latest.ask.agree) return "";
    const id = newId();
    const box = el("input", { type: "checkbox", id });
    box.addEventListener("change", () => {
      confirm.disabled = !box.checked;
    });
    agree = box;
    return el("label.agree", { for: id }, box, el("span", {}, latest.ask.agree));
  }
  function draw() {
    const typed = new Map(inputs.map((input) => [input.name, input.value]));
    const { ask } = latest;
    ({ order } = latest);
    inputs = [];
    agree = null;
    setText(said, "");
    confirm = el(`button.button${ask.danger ? ".danger" : ".primary"}`, { type: "submit" }, ask.confirm);
    const no = el("button.button.plain", { type: "button" }, "Leave it as it is");
    no.addEventListener("click", leave);
    const fields = ask.fields.map(field);
    const why = ask.reason === null ? "" : field({ name: "reason", label: "Why, for the record", value: ask.reason });
    form.replaceChildren(
      el("p.does", {}, ask.text),
      ask.warning ? el("p.warning", {}, icon("alert"), el("span", {}, ask.warning)) : "",
      fields.length ? el("div.fields", {}, ...fields) : "",
      why,
      agreement(),
      said,
      el("div.row", {}, confirm, no),
    );
    confirm.disabled = agree !== null;
    for (const input of inputs) input.value = typed.get(input.name) ?? input.value;
  }
  /** @param {boolean} now */
  function busy(now) {
    for (const node of form.querySelectorAll("button, input")) {
      /** @type {HTMLButtonElement | HTMLInputElement} */ (node).disabled = now;
    }
    if (!now && agree) confirm.disabled = !agree.checked;
    form.setAttribute("aria-busy", String(now));
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (confirm.disabled) return;
    const reason = inputs.find(({ name }) => name === "reason");
    if (reason && !reason.value.trim()) {
      setText(said, "Write down why, for the record.");
      reason.focus();
      return;
    }
    setText(said, "");
    const values = Object.fromEntries(inputs.map((input) => [input.name, input.value]));
    busy(true);
    act({ key: action.key, order: { ...order, ...values } });
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // the dialog around it stays open
    event.stopPropagation();
    leave();
  });
  draw();
  return {
    node: form,
    key: action.key,
    /**
     * Keep the latest state of the action, for when its order is refused.
     *
     * @param {Asking} next
     */
    update(next) {
      latest = next;
    },
    /**
     * Say why the order was refused, and show the latest state of the action. What was typed stays.
     *
     * @param {Answer} answer
     */
    refused({ title, text }) {
      draw();
      busy(false);
      setText(said, `${title} ${text}`);
      (inputs[0] ?? confirm).focus();
    },
    focus: () => (inputs[0] ?? agree ?? confirm).focus(),
  };
}

/**
 * Make the buttons of actions and, below them, the form of the one that was pressed.
 *
 * @param {(order: Order) => void} act
 */
export function makeActions(act) {
  const buttons = el("div.row");
  const place = el("div.asking");
  const node = el("div.actions", {}, buttons, place);
  /** @type {ReturnType<typeof makeAsk> | null} */
  let form = null;
  /** @type {string | null} */
  let opening = null;
  let drawn = "";
  /** @type {Action[]} */
  let actions = [];

  /** @param {string} key */
  function button(key) {
    return /** @type {HTMLButtonElement | null} */ (buttons.querySelector(`[data-key="${CSS.escape(key)}"]`));
  }
  function close() {
    form = null;
    place.replaceChildren();
    buttons.hidden = false;
  }
  /** @param {Asking} action */
  function open(action) {
    const leave = () => {
      close();
      button(action.key)?.focus();
    };
    form = makeAsk(action, { act, leave });
    place.replaceChildren(form.node);
    buttons.hidden = true;
    form.focus();
  }
  /** @param {string} key */
  function press(key) {
    const action = actions.find((one) => one.key === key);
    const first = asking(action);
    if (first) {
      open(first);
      return;
    }
    if (!action) return;
    if (action.opens) {
      opening = key;
      const pressed = button(key);
      if (pressed) pressed.disabled = true;
    }
    act({ key, order: action.order });
  }
  function drawButtons() {
    const now = JSON.stringify(actions.map(({ key, label, opens }) => [key, label, opens]));
    if (now === drawn) return;
    drawn = now;
    buttons.replaceChildren(
      ...actions.map(({ key, label }) => {
        const made = el("button.button", { type: "button", "data-key": key }, label);
        made.addEventListener("click", () => press(key));
        return made;
      }),
    );
  }
  /**
   * Show these actions. Return true if the one that is being asked about is no longer possible.
   *
   * @param {Action[]} next
   */
  function paint(next) {
    actions = next;
    drawButtons();
    const latest = asking(next.find(({ key }) => key === form?.key));
    const over = form !== null && latest === null;
    if (over) close();
    else if (latest) form?.update(latest);
    const opened = asking(next.find(({ key }) => key === opening));
    if (opened) {
      opening = null;
      open(opened);
    }
    node.hidden = next.length === 0;
    return over;
  }
  /**
   * Return whether the answer to an order was shown here: a refusal stays beside its form.
   *
   * @param {Answer} answer
   */
  function answered(answer) {
    if (answer.key === opening) {
      opening = null;
      for (const one of buttons.querySelectorAll("button")) one.disabled = false;
    }
    if (form?.key !== answer.key) return false;
    if (answer.tone !== "bad") {
      close();
      return false;
    }
    form.refused(answer);
    return true;
  }
  return { node, paint, answered };
}
