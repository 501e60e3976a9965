// The actions of a job: retry at its price, cancel, decide about unclear charges; all ask first.

/** @import { Again, Card, GalleryView, JobRecord, Offer, Purpose } from "./jobs.d.ts" */
/** @import { Answer, Row } from "./types.d.ts" */
import { makeActions } from "./ask.js";
import { el, focused, icon, setText } from "./common.js";
import { makeList } from "./list.js";

/**
 * Make a decision about one image of a job.
 *
 * @param {string} job
 * @param {(act: object) => void} act
 */
function makeChoice(job, act) {
  const title = el("p.title");
  const text = el("p.text");
  const actions = makeActions(({ key, order }) => act({ what: "decide", job, key, order }));
  return {
    node: el("div.offer", {}, title, text, actions.node),
    actions,
    /** @param {Row} choice */
    paint(choice) {
      setText(title, choice.title);
      setText(text, choice.lines.flat().join(" "));
      actions.paint(choice.actions);
    },
  };
}

/**
 * @param {Offer} offer
 * @param {boolean} isBusy
 * @param {(acceptUnknown: boolean) => void} retry
 */
function retrying(offer, isBusy, retry) {
  const disabled = isBusy || Boolean(offer.warning);
  const button = el("button.button.primary", { type: "button", disabled }, icon("retry"), offer.label);
  const agreed = offer.warning ? el("input", { type: "checkbox", id: "agree", disabled: isBusy }) : null;
  agreed?.addEventListener("change", () => {
    button.disabled = !agreed.checked;
  });
  button.addEventListener("click", () => retry(Boolean(agreed?.checked)));
  return el(
    `div.offer${offer.warning ? ".danger" : ""}`,
    {},
    offer.warning ? el("p.warning", {}, icon("alert"), el("span", {}, offer.warning)) : null,
    agreed ? el("label", { for: "agree" }, agreed, el("span", {}, offer.agree)) : null,
    el("div.row", {}, button),
  );
}

/** @param {GalleryView} view */
export function makePanel(view) {
  const said = el("div.said", { tabIndex: -1 });
  const box = el("div.act");
  const list = el("div.choices");
  const node = el("div.panel", { "aria-live": "polite" }, said, box, list);
  let job = "";
  const choices = makeList(
    list,
    () => makeChoice(job, (act) => view.act(act)),
    (/** @type {Row} */ { key }) => key,
  );
  let drawn = "";
  /** @type {Purpose | null} */
  let purpose = null;
  let isBusy = false;
  let key = "";

  /** @param {object} message */
  function act(message) {
    isBusy = true;
    for (const button of box.querySelectorAll("button, input")) {
      /** @type {HTMLButtonElement | HTMLInputElement} */ (button).disabled = true;
    }
    view.act(message);
  }
  /**
   * @param {Card} card
   * @param {Offer | null} [offer]
   * @param {Again | null} [again]
   */
  function redraw(card, offer, again) {
    const now = JSON.stringify([card.id, card.retry, card.cancel, offer ?? null, again ?? null, purpose, isBusy]);
    if (now === drawn) return;
    drawn = now;
    box.replaceChildren(...nodes(card, offer, again));
  }
  /**
   * @param {Card} card
   * @param {Offer | null} [offer]
   * @param {Again | null} [again]
   */
  function nodes(card, offer, again) {
    if (card.cancel) return cancelling(card);
    if (purpose === "again" && again) return [runningAgain(card, offer, again)];
    const found = [];
    if (offer && card.retry) found.push(retrying(offer, isBusy, (unknown) => retry(card, offer, unknown)));
    if (again) found.push(againButton(card, offer, again));
    return found;
  }
  /**
   * Draw for another purpose, and focus the part that belongs to it.
   *
   * @param {Purpose | null} next
   * @param {string} place
   * @param {Card} card
   * @param {Offer | null} [offer]
   * @param {Again | null} [again]
   */
  function turn(next, place, card, offer, again) {
    purpose = next;
    redraw(card, offer, again);
    /** @type {HTMLElement | null} */ (box.querySelector(place))?.focus();
  }
  /**
   * @param {Card} card
   * @param {Offer} offer
   * @param {boolean} acceptUnknown
   */
  function retry(card, offer, acceptUnknown) {
    act({ what: "retry", job: card.id, accept: offer.accept, acceptUnknown });
  }
  /**
   * @param {Card} card
   * @param {Offer | null | undefined} offer
   * @param {Again} again
   */
  function againButton(card, offer, again) {
    const button = el("button.button.again", { type: "button", disabled: isBusy }, "Run again");
    button.addEventListener("click", () => turn("again", "p", card, offer, again));
    return el("div.row", {}, button);
  }
  /**
   * Show the same job once more, at the price that is shown. A held key or a double click approves nothing.
   *
   * @param {Card} card
   * @param {Offer | null | undefined} offer
   * @param {Again} again
   */
  function runningAgain(card, offer, again) {
    const { accept } = again;
    const no = el("button.button.plain", { type: "button", disabled: isBusy }, "Not now");
    no.addEventListener("click", () => turn(null, "button.again", card, offer, again));
    const row = el("div.row");
    if (accept !== null) {
      const yes = el("button.button.primary", { type: "button", disabled: isBusy }, again.label);
      yes.addEventListener("click", (event) => event.detail < 2 && act({ what: "again", job: card.id, accept, key }));
      row.append(yes);
    }
    row.append(no);
    return el("div.offer", {}, el("p", { tabIndex: -1 }, again.text), row);
  }
  /** @param {Card} card */
  function cancelling(card) {
    if (purpose !== "cancel") {
      const first = el("button.button", { type: "button" }, "Cancel this job");
      first.addEventListener("click", () => turn("cancel", "button", card));
      return [first];
    }
    const yes = el("button.button.danger", { type: "button", disabled: isBusy }, "Yes, cancel the job");
    const no = el("button.button.plain", { type: "button", disabled: isBusy }, "Let it go on");
    yes.addEventListener("click", () => act({ what: "cancel", job: card.id }));
    no.addEventListener("click", () => turn(null, "button", card));
    const text = "Images in the making are finished, kept and charged. The others are not made and cost nothing.";
    return [el("p", {}, text), el("div.row", {}, yes, no)];
  }
  /** @param {Answer | null} message */
  function say(message) {
    const text = message ? JSON.stringify(message) : "";
    if (said.dataset.text === text) return;
    said.dataset.text = text;
    said.className = `said ${message?.tone ?? ""}`;
    said.replaceChildren();
    if (!message) return;
    isBusy = false;
    purpose = null;
    if ([...choices.items.values()].some(({ actions }) => actions.answered(message))) return;
    said.append(el("b", {}, message.title), " ", message.text);
    queueMicrotask(() => focused(node) ?? said.focus({ preventScroll: true })); // the pressed button is gone
  }
  return {
    node,
    /** @param {Purpose} [next] */
    reset(next) {
      purpose = next ?? null;
      isBusy = false;
      key = `${Date.now()} ${Math.random()}`; // orders of one dialog make one job, however often they are sent
      drawn = "";
      said.replaceChildren();
      delete said.dataset.text;
    },
    /**
     * @param {Card} card
     * @param {JobRecord | null} record
     * @param {Answer | null} message
     */
    paint(card, record, message) {
      job = card.id;
      choices.paint(record?.choices ?? []);
      say(message);
      redraw(card, record?.offer, record?.again);
    },
  };
}
