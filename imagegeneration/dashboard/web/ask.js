// What is asked before something is done: what it does, why, and the button that does it. What is shown and typed
// stays as it is while the page refreshes, so that nobody confirms anything else than what was read.

let asked = 0;

function makeAsk(action, { act, leave }) {
  const form = el("form.ask", { novalidate: true });
  const view = { node: form, key: action.key, latest: action };
  let inputs = [], agree = null, confirm = null, said = null, order = null;

  function field({ name, label, value, hint, required }) {
    const id = `ask-${++asked}`;
    const input = el("input", { id, name, type: "text", autocomplete: "off", maxLength: name === "reason" ? 500 : 20 });
    input.value = value;
    inputs.push(input);
    return el(`div.field.${name}`, {}, el("label", { for: id }, label), input, hint ? el("span.hint", {}, hint) : null);
  }
  function draw() {
    const typed = new Map(inputs.map((input) => [input.name, input.value]));
    const { ask } = view.latest;
    ({ order } = view.latest);
    inputs = [];
    said = el("p.answer", { role: "alert" });
    confirm = el(`button.button${ask.danger ? ".danger" : ".primary"}`, { type: "submit" }, ask.confirm);
    const no = el("button.button.plain", { type: "button" }, "Leave it as it is");
    no.addEventListener("click", leave);
    const id = `ask-${++asked}`;
    agree = ask.agree ? el("input", { type: "checkbox", id }) : null;
    agree?.addEventListener("change", () => { confirm.disabled = !agree.checked; });
    confirm.disabled = Boolean(agree);
    const fields = ask.fields.map(field);
    const why = ask.reason === null ? null : field({ name: "reason", label: "Why, for the record", value: ask.reason });
    form.replaceChildren(
      el("p.does", {}, ask.text),
      ask.warning ? el("p.warning", {}, icon("alert"), el("span", {}, ask.warning)) : "",
      fields.length ? el("div.fields", {}, ...fields) : "",
      why ?? "",
      agree ? el("label.agree", { for: id }, agree, el("span", {}, ask.agree)) : "",
      said,
      el("div.row", {}, confirm, no));
    for (const input of inputs) if (typed.has(input.name)) input.value = typed.get(input.name);
  }
  function busy(now) {
    for (const node of form.querySelectorAll("button, input")) node.disabled = now;
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
  /** The order was refused: say why, and show what the action is by now. What was typed stays. */
  view.refused = ({ title, text }) => {
    draw();
    busy(false);
    setText(said, `${title} ${text}`);
    (inputs[0] ?? confirm).focus();
  };
  view.focus = () => (inputs[0] ?? agree ?? confirm).focus();
  draw();
  return view;
}

/** Buttons of actions and, below them, the form of the one that was pressed. */
function makeActions(act) {
  const buttons = el("div.row"), place = el("div.asking");
  const node = el("div.actions", {}, buttons, place);
  let form = null, opening = null, drawn = "", actions = [];

  function close() {
    form = null;
    place.replaceChildren();
    buttons.hidden = false;
  }
  function open(action) {
    form = makeAsk(action, {
      act,
      leave: () => {
        close();
        buttons.querySelector(`[data-key="${CSS.escape(action.key)}"]`)?.focus();
      },
    });
    place.replaceChildren(form.node);
    buttons.hidden = true;
    form.focus();
  }
  function press(action, button) {
    if (action.ask) return open(action);
    if (action.opens) {
      opening = action.key;
      button.disabled = true;
    }
    act({ key: action.key, order: action.order });
  }
  /** Show these actions. True if one that was being asked about is not possible any more. */
  function paint(next) {
    actions = next;
    const now = JSON.stringify(next.map(({ key, label, opens }) => [key, label, opens]));
    if (now !== drawn) {
      drawn = now;
      buttons.replaceChildren(...next.map(({ key, label }) => {
        const button = el("button.button", { type: "button", "data-key": key }, label);
        button.addEventListener("click", () => press(actions.find((one) => one.key === key), button));
        return button;
      }));
    }
    const latest = form && next.find(({ key }) => key === form.key);
    const over = form !== null && !latest?.ask;
    if (over) close();
    else if (form) form.latest = latest;
    const asked = next.find(({ key, ask }) => key === opening && ask);
    if (asked) {
      opening = null;
      open(asked);
    }
    node.hidden = next.length === 0;
    return over;
  }
  return {
    node,
    paint,
    /** Whether the answer to an order was shown here: a refusal stays where it was asked for. */
    answered(answer) {
      if (answer.key === opening) {
        opening = null;
        for (const button of buttons.children) button.disabled = false;
      }
      if (form?.key !== answer.key) return false;
      if (answer.tone !== "bad") {
        close();
        return false;
      }
      form.refused(answer);
      return true;
    },
  };
}
