// What can be done with a job: retry at its price, cancel, decide about images in doubt; all ask first.

function makePanel(view) {
  const said = el("div.said", { tabIndex: -1 });
  const box = el("div.act"), list = el("div.choices");
  const node = el("div.panel", { "aria-live": "polite" }, said, box, list);
  const choices = new Map();
  let drawn = "", purpose = null, busy = false, key = "";

  function act(message) {
    busy = true;
    for (const button of box.querySelectorAll("button, input")) button.disabled = true;
    view.act(message);
  }
  function redraw(card, offer, again) {
    const now = JSON.stringify([card.id, card.retry, card.cancel, offer ?? null, again ?? null, purpose, busy]);
    if (now === drawn) return;
    drawn = now;
    if (card.cancel) box.replaceChildren(...cancelling(card));
    else if (purpose === "again" && again) box.replaceChildren(runningAgain(card, offer, again));
    else box.replaceChildren(...[offer && card.retry ? retrying(card, offer) : null, again ? againButton(card, offer, again) : null].filter(Boolean));
  }
  function againButton(card, offer, again) {
    const button = el("button.button.again", { type: "button", disabled: busy }, "Run again");
    button.addEventListener("click", () => {
      purpose = "again";
      redraw(card, offer, again);
      box.querySelector("p").focus();
    });
    return el("div.row", {}, button);
  }
  /** The same once more, at the price that is shown. A held key or a double click approves nothing. */
  function runningAgain(card, offer, again) {
    const yes = again.accept === null ? null : el("button.button.primary", { type: "button", disabled: busy }, again.label);
    const no = el("button.button.plain", { type: "button", disabled: busy }, "Not now");
    yes?.addEventListener("click", (event) => event.detail < 2 && act({ what: "again", job: card.id, accept: again.accept, key }));
    no.addEventListener("click", () => {
      purpose = null;
      redraw(card, offer, again);
      box.querySelector("button.again").focus();
    });
    return el("div.offer", {}, el("p", { tabIndex: -1 }, again.text), el("div.row", {}, yes, no));
  }
  function cancelling(card) {
    const first = el("button.button", { type: "button" }, "Cancel this job");
    first.addEventListener("click", () => {
      purpose = "cancel";
      redraw(card, null);
      box.querySelector("button").focus();
    });
    if (purpose !== "cancel") return [first];
    const yes = el("button.button.danger", { type: "button", disabled: busy }, "Yes, cancel the job");
    const no = el("button.button.plain", { type: "button", disabled: busy }, "Let it go on");
    yes.addEventListener("click", () => act({ what: "cancel", job: card.id }));
    no.addEventListener("click", () => {
      purpose = null;
      redraw(card, null);
      box.querySelector("button").focus();
    });
    return [el("p", {}, "Images in the making are finished, kept and charged. The others are not made and cost nothing."), el("div.row", {}, yes, no)];
  }
  function retrying(card, offer) {
    const button = el("button.button.primary", { type: "button", disabled: busy || Boolean(offer.warning) }, icon("retry"), offer.label);
    let agreed = null;
    if (offer.warning) {
      agreed = el("input", { type: "checkbox", id: "agree", disabled: busy });
      agreed.addEventListener("change", () => { button.disabled = !agreed.checked; });
    }
    button.addEventListener("click", () => act({ what: "retry", job: card.id, accept: offer.accept, acceptUnknown: Boolean(agreed?.checked) }));
    return el(`div.offer${offer.warning ? ".danger" : ""}`, {},
      offer.warning ? el("p.warning", {}, icon("alert"), el("span", {}, offer.warning)) : null,
      agreed ? el("label", { for: "agree" }, agreed, el("span", {}, offer.agree)) : null,
      el("div.row", {}, button));
  }
  function makeChoice(job) {
    const title = el("p.title"), text = el("p.text");
    const actions = makeActions(({ key, order }) => view.act({ what: "decide", job, key, order }));
    return {
      node: el("div.offer", {}, title, text, actions.node),
      actions,
      paint(choice) {
        setText(title, choice.title);
        setText(text, choice.lines.flat().join(" "));
        actions.paint(choice.actions);
      },
    };
  }
  function paintChoices(job, wanted) {
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, choice] of choices) {
      if (keys.has(key)) continue;
      choice.node.remove();
      choices.delete(key);
    }
    for (const facts of wanted) {
      if (!choices.has(facts.key)) {
        choices.set(facts.key, makeChoice(job));
        list.append(choices.get(facts.key).node);
      }
      choices.get(facts.key).paint(facts);
    }
  }
  return {
    node,
    reset(next) {
      purpose = next ?? null;
      busy = false;
      key = `${Date.now()} ${Math.random()}`; // however often its order is sent while the dialog is open, it is one job
      drawn = "";
      said.replaceChildren();
      delete said.dataset.text;
    },
    paint(card, record, message) {
      paintChoices(card.id, record?.choices ?? []);
      const text = message ? JSON.stringify(message) : "";
      if (said.dataset.text !== text) {
        said.dataset.text = text;
        const kept = message && [...choices.values()].some(({ actions }) => actions.answered(message));
        said.className = `said ${message?.tone ?? ""}`;
        said.replaceChildren(...(message && !kept ? [el("b", {}, message.title), " ", message.text] : []));
        if (message) { busy = false; purpose = null; }
        if (message && !kept) queueMicrotask(() => node.getRootNode().activeElement ?? said.focus({ preventScroll: true })); // what was pressed is gone
      }
      redraw(card, record?.offer, record?.again);
    },
  };
}
