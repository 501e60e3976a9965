// What can be done with a job: retry at its price, cancel; both ask first, and a warning has to be accepted.

function makePanel(view) {
  const said = el("div.said");
  const box = el("div.act");
  const node = el("div.panel", { "aria-live": "polite" }, said, box);
  let drawn = "", purpose = null, busy = false;

  function act(message) {
    busy = true;
    for (const button of box.querySelectorAll("button, input")) button.disabled = true;
    view.act(message);
  }
  function redraw(card, offer) {
    const now = JSON.stringify([card.id, card.retry, card.cancel, offer ?? null, purpose, busy]);
    if (now === drawn) return;
    drawn = now;
    if (card.cancel) box.replaceChildren(...cancelling(card));
    else if (offer && card.retry) box.replaceChildren(retrying(card, offer));
    else box.replaceChildren();
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
  return {
    node,
    reset(next) {
      purpose = next ?? null;
      busy = false;
      drawn = "";
      said.replaceChildren();
    },
    paint(card, offer, message) {
      const text = message ? JSON.stringify(message) : "";
      if (said.dataset.text !== text) {
        said.dataset.text = text;
        said.className = `said ${message?.tone ?? ""}`;
        said.replaceChildren(...(message ? [el("b", {}, message.title), " ", message.text] : []));
        if (message) { busy = false; purpose = null; }
      }
      redraw(card, offer);
    },
  };
}
