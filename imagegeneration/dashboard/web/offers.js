// Models side by side: one radio button a row, so that the arrow keys walk through them.

/** @import { ModelOffer, Mounted, Parent } from "./types.d.ts" */
import { el, setAttribute, setText, viewOf } from "./common.js";
import { makeList } from "./list.js";

/**
 * Describe a row in one sentence, for readers who do not see it.
 *
 * @param {ModelOffer} offer
 */
export function inWords({ title, price, estimate, time, quality, about }) {
  const cost = price ? `up to ${price} an image${estimate ? ", by an estimate" : ""}` : "no price";
  const figures = time ? [cost, `about ${time}`, `quality ${quality}`] : [];
  return [title, ...figures, about].filter(Boolean).join(", ");
}

/** @param {(key: string) => void} pick */
function makeOffer(pick) {
  const input = el("input", { type: "radio", name: "model" });
  const title = el("span.title.user-text");
  const tags = el("span.tags");
  const about = el("span.about.user-text");
  const price = el("span.figure.price");
  const time = el("span.figure.time");
  const quality = el("span.figure.quality");
  const amount = el("span");
  const estimate = el("small", {}, " estimate");
  const node = el("label.offer", {}, input, el("span.line", {}, title, tags), price, time, quality, about);
  let key = "";
  input.addEventListener("change", () => pick(key));
  return {
    node,
    /** @param {ModelOffer & { locked: boolean }} facts */
    paint(facts) {
      ({ key } = facts);
      setText(title, facts.title);
      setText(about, facts.about);
      tags.replaceChildren(...facts.tags.map((tag) => el("span.tag", {}, tag)));
      setText(amount, facts.price ?? "no price");
      price.replaceChildren(...(facts.time ? [amount] : []), ...(facts.estimate ? [estimate] : []));
      price.classList.toggle("none", !facts.price);
      setText(time, facts.time);
      setText(quality, facts.quality);
      input.checked = facts.checked;
      input.disabled = facts.locked || (facts.off && !facts.checked);
      node.classList.toggle("off", facts.off);
      setAttribute(input, "aria-label", inWords(facts));
    },
  };
}

/** @param {Parent} parent */
function makeOffers(parent) {
  const names = ["Model", "Image, up to", "About", "Quality"];
  const head = el("div.head", { "aria-hidden": "true" }, ...names.map((name) => el("span", {}, name)));
  const rows = el("div.list", { role: "radiogroup", "aria-label": "Model" });
  parent.append(el("div.root.offers", {}, head, rows));
  const told = {
    /** @param {string} _key */
    pick(_key) {},
  };
  const list = makeList(
    rows,
    (/** @type {ModelOffer & { locked: boolean }} */ _facts) => makeOffer((key) => told.pick(key)),
    ({ key }) => key,
  );
  return { told, list };
}

/** @param {Mounted<{ offers: ModelOffer[], locked: boolean }>} mounted */
export default function ({ data, parentElement, setStateValue }) {
  const { told, list } = viewOf(parentElement, () => makeOffers(parentElement));
  // A state, because a trigger is lost while the page is being drawn; the time makes a repeated choice a new one.
  told.pick = (key) => setStateValue("pick", { key, at: Date.now() });
  list.paint(data.offers.map((offer) => ({ ...offer, locked: data.locked })));
}
