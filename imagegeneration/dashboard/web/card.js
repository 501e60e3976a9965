// One job as a card. A card is made once and then patched, so that nothing flickers and no image loads twice.

/** @import { Card, GalleryView } from "./jobs.d.ts" */
import { copyButton } from "./clipboard.js";
import { el, icon, setAttribute, setText } from "./common.js";
import { pill } from "./pill.js";
import { makeTile } from "./tile.js";
import { ago, moment, span } from "./time.js";

/**
 * Return the line about time: how long an active job has been running, how long ago an ended one was approved.
 *
 * @param {Card} data
 * @param {boolean} single
 */
export function timeLine(data, single) {
  if (!data.over) return [`for ${span((Date.now() - data.since) / 1000)}`, data.about].filter(Boolean).join(" · ");
  return single && data.until ? `took ${span((data.until - data.since) / 1000)}` : ago(data.created);
}

/**
 * Make a card with `node` for the page and `paint` for new facts.
 *
 * @param {GalleryView} view
 * @param {Card} data
 * @param {boolean} single
 */
export function makeCard(view, data, single) {
  const shown = { data };
  const title = el("button.title", { type: "button" });
  const prompt = el("p.prompt.user-text");
  const madeAs = single ? el("p.made-as.user-text") : null;
  const place = el("p.place");
  const error = el("p.error");
  const status = pill(data);
  const owner = el("span.owner.user-text");
  const made = el("span.made");
  const cost = el("span.cost");
  const time = el("span.time");
  const fill = el("span.fill");
  const meter = el(
    "span.meter",
    { role: "progressbar", "aria-label": "Progress, an estimate", "aria-valuemin": "0", "aria-valuemax": "100" },
    fill,
  );
  const tiles = data.images.map((_, index) => makeTile(index, data.images.length, view, shown));
  const mosaic = el("div.mosaic", {}, ...tiles.map(({ node }) => node));
  const copy = copyButton("Copy URLs", "Copy all URLs", () => shown.data.urls.join("\n"));
  const details = el("button.button.plain", { type: "button" }, "Details");
  const retry = el("button.button", { type: "button" }, icon("retry"), "Retry");
  const cancel = el("button.button.plain", { type: "button" }, "Cancel");
  const heading = el("h2", {}, title);
  const body = el("div.body", {}, el("div.line", {}, heading, status.node), prompt, madeAs, place, error);
  const facts = el("span.facts", {}, owner, made, single ? cost : null, time);
  const foot = el("div.foot", {}, facts, el("span.actions", {}, cancel, retry, copy.node, details));
  const node = el(`article.card${single ? ".single" : ""}`, { "data-job": data.id }, mosaic, meter, body, foot);
  for (const button of [title, details]) button.addEventListener("click", () => view.open(shown.data, 0));
  retry.addEventListener("click", () => view.open(shown.data, 0, "retry"));
  cancel.addEventListener("click", () => view.open(shown.data, 0, "cancel"));
  if (!single) oneStop(node, title);

  function tick() {
    setText(time, timeLine(shown.data, single));
    setAttribute(time, "title", moment(shown.data.created));
  }
  /** @param {Card} next */
  function paintTexts(next) {
    setText(title, next.title);
    setAttribute(title, "title", next.title);
    setText(prompt, next.prompt);
    if (madeAs) setText(madeAs, next.made_as);
    setText(place, next.place);
    setText(error, next.error);
    owner.hidden = !next.owner;
    setText(owner, next.owner);
    setAttribute(owner, "title", next.owner);
    setText(made, next.made);
    setText(cost, next.cost);
  }
  /** @param {Card} next */
  function paintButtons(next) {
    const count = next.urls.length;
    copy.node.hidden = count === 0;
    if (count > 1) copy.rename(`Copy ${count} URLs`, `Copy all ${count} URLs`);
    else copy.rename("Copy URL", "Copy the URL");
    retry.hidden = !next.retry;
    cancel.hidden = !next.cancel;
    setAttribute(retry, "aria-label", `Retry ${next.title}`);
    setAttribute(cancel, "aria-label", `Cancel ${next.title}`);
    setAttribute(details, "aria-label", `Details of ${next.title}`);
  }
  /** @param {Card} next */
  function paint(next) {
    shown.data = next;
    paintTexts(next);
    status.paint(next);
    mosaic.style.setProperty("--share", `${next.share}%`);
    mosaic.style.setProperty("--ratio", String(next.ratio));
    next.images.forEach((image, index) => {
      tiles[index]?.paint(image, next.title);
    });
    meter.hidden = next.over;
    setAttribute(meter, "aria-valuenow", String(next.percent ?? 0));
    fill.style.width = `${Math.max(4, next.percent ?? 0)}%`;
    paintButtons(next);
    tick();
  }
  paint(data);
  return {
    node,
    tick,
    paint,
    focus: () => title.focus(),
    get data() {
      return shown.data;
    },
  };
}

/**
 * Make Tab lead from card to card, and the arrow keys to the buttons of a card.
 *
 * @param {HTMLElement} node
 * @param {HTMLElement} first
 */
function oneStop(node, first) {
  const buttons = () => [...node.querySelectorAll("button")].filter((button) => button.getClientRects().length > 0);
  for (const button of node.querySelectorAll("button")) button.tabIndex = button === first ? 0 : -1;
  first.setAttribute("aria-describedby", "card-keys");
  node.addEventListener("keydown", (event) => {
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const all = buttons();
    const at = all.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    all.at((at + by) % all.length)?.focus();
  });
}
