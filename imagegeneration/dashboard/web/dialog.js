// One job with everything known about it. It stays open, and stays as it is, while the page refreshes.

/** @import { Card, Facts, GalleryView, ImageDetails, JobRecord, Purpose } from "./jobs.d.ts" */
/** @import { Answer } from "./types.d.ts" */
import { el, icon, setAttribute, setText } from "./common.js";
import { sectionList } from "./facts.js";
import { makePanel } from "./panel.js";
import { pill } from "./pill.js";
import { makeViewer, setDisabled } from "./viewer.js";

/** Keys of the dialog: to another image, or to another job. @type {Record<string, ["move" | "step", number]>} */
const KEYS = { ArrowLeft: ["move", -1], ArrowRight: ["move", 1], ArrowUp: ["step", -1], ArrowDown: ["step", 1] };

/**
 * @param {"close" | "up" | "down"} name
 * @param {string} label
 * @param {string} key
 */
function makeControl(name, label, key) {
  const title = `${label} (${key})`;
  return el("button.button.plain.icon-only", { type: "button", "aria-label": label, title }, icon(name));
}

function makeWide() {
  const label = "Only the image";
  return el(
    "button.button.plain.icon-only.wide",
    { type: "button", "aria-label": label, title: label, "aria-pressed": "false" },
    icon("aside"),
  );
}

/**
 * Return the facts of an image and of each attempt at it.
 *
 * @param {ImageDetails | undefined} details
 * @returns {Facts[]}
 */
export function imageFacts(details) {
  if (!details) return [];
  const { title, rows, attempts } = details;
  const own = rows.length ? [{ title, rows }] : [];
  return [...own, ...attempts.map((attempt) => ({ title: `${title} · ${attempt.title}`, rows: attempt.rows }))];
}

/** @param {GalleryView} view */
export function makeDialog(view) {
  const title = el("h2.user-text", { id: "dialog-title" });
  const status = pill();
  const close = makeControl("close", "Close", "Esc");
  const before = makeControl("up", "Previous job", "↑");
  const after = makeControl("down", "Next job", "↓");
  const wide = makeWide();
  const said = el("p.visually-hidden", { role: "status" });
  const viewer = makeViewer({ chosen, step: (by) => step(by, by < 0 ? -1 : 0) });
  const panel = makePanel(view);
  const loading = el("p.loading", { role: "status" }, "Reading the record…");
  const sections = el("div.sections");
  const facts = el("div.sections");
  const side = el("div.side", {}, panel.node, loading, sections, facts);
  const content = el("div.content", {}, viewer.node, side);
  const header = el("header", {}, title, status.node, el("span.controls", {}, wide, before, after, close));
  const node = el("dialog.inspector", { "aria-labelledby": "dialog-title" }, header, content, said);
  const paintSections = sectionList(sections);
  const paintFacts = sectionList(facts);
  /** @type {string | null} */
  let shown = null;
  /** @type {[Card, JobRecord | null, Answer | null] | null} */
  let last = null;
  close.autofocus = true;

  close.addEventListener("click", () => node.close());
  wide.addEventListener("click", () => {
    setAttribute(wide, "aria-pressed", String(content.classList.toggle("alone")));
  });
  before.addEventListener("click", () => step(-1, 0));
  after.addEventListener("click", () => step(1, 0));
  node.addEventListener("click", (event) => {
    if (event.target === node) node.close();
  });
  node.addEventListener("close", () => {
    if (node.open) return; // opened again meanwhile
    const id = shown;
    shown = null;
    if (id) view.closed(id);
  });
  node.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (viewer.isFull()) leaveFull(event);
    else go(event);
  });
  /**
   * End the full size on Escape; the arrow keys scroll in it.
   *
   * @param {KeyboardEvent} event
   */
  function leaveFull(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    viewer.fit();
  }
  /** @param {KeyboardEvent} event */
  function go(event) {
    const target = /** @type {Element} */ (event.target);
    const found = KEYS[event.key];
    if (!found || target.closest("input, textarea, select, [role=region]")) return;
    const [what, by] = found;
    if (what === "step" && side.contains(target)) return; // it scrolls there
    event.preventDefault();
    if (what === "move") viewer.move(by);
    else step(by, 0);
  }
  /**
   * Show the job before or after this one, from an image on.
   *
   * @param {number} by
   * @param {number} index -1 is the last image
   */
  function step(by, index) {
    const next = view.beside(shown, by);
    if (!next) return;
    view.open(next, index < 0 ? next.images.length + index : index);
    setText(said, `${next.title}, ${next.status}`);
  }
  /** @param {number} index */
  function chosen(index) {
    viewer.choose(index);
    if (!last) return;
    paint(...last);
    setText(said, `Image ${index + 1} of ${last[0].images.length}`);
  }
  /**
   * @param {Card} card
   * @param {JobRecord | null} record
   * @param {Answer | null} message
   */
  function paint(card, record, message) {
    last = [card, record, message];
    setText(title, card.title);
    status.paint(card);
    const isAnyBefore = view.beside(card.id, -1) !== undefined;
    const isAnyAfter = view.beside(card.id, 1) !== undefined;
    viewer.paint(card, record?.details, isAnyBefore, isAnyAfter);
    panel.paint(card, record, message);
    loading.hidden = Boolean(record || message);
    paintSections(record?.sections ?? []);
    paintFacts(imageFacts(record?.details[viewer.index]));
    setDisabled(before, !isAnyBefore);
    setDisabled(after, !isAnyAfter);
  }
  /**
   * @param {Card} card
   * @param {number} index
   * @param {Purpose} [purpose]
   */
  function open(card, index, purpose) {
    shown = card.id;
    content.scrollTop = 0;
    side.scrollTop = 0;
    setText(said, "");
    viewer.choose(index);
    panel.reset(purpose);
    paint(card, null, null);
    if (!node.open) node.showModal();
  }
  /** Close it without a message to the server, which asked for this. */
  function shut() {
    shown = null;
    if (node.open) node.close();
  }
  return {
    node,
    said,
    open,
    shut,
    paint,
    get job() {
      return shown;
    },
  };
}
