// The gallery: cards in a map by id, and the dialog. A refresh touches only what changed.

/** @import { Card, GalleryData, GalleryView, JobRecord } from "./jobs.d.ts" */
/** @import { Mounted, Parent, Send } from "./types.d.ts" */
import { makeAddress } from "./address.js";
import { makeCard } from "./card.js";
import { el, focused, icon, setText, viewOf } from "./common.js";
import { makeDialog } from "./dialog.js";
import { makeList } from "./list.js";
import { makeNews } from "./news.js";
import { makeOutbox } from "./outbox.js";

const GLIDE_MS = 350;
const RETURN_MS = 5000;

/**
 * Let cards that `change` moves glide to their new places, so that nothing jumps under an eye or a finger.
 *
 * @param {Map<string, { node: HTMLElement }>} cards
 * @param {() => void} change
 */
function glide(cards, change) {
  const places = () => new Map([...cards.values()].map(({ node }) => [node, node.getBoundingClientRect()]));
  const before = matchMedia("(prefers-reduced-motion: reduce)").matches ? new Map() : places();
  change();
  if (before.size === 0) return;
  for (const [node, { x, y }] of places()) {
    const from = before.get(node);
    if (!from || (from.x === x && from.y === y)) continue;
    const moves = [{ transform: `translate(${from.x - x}px, ${from.y - y}px)` }, { transform: "none" }];
    node.animate(moves, { duration: GLIDE_MS, easing: "ease-out" });
  }
}

/**
 * Make a card that is painted only if its facts changed.
 *
 * @param {GalleryView} view
 * @param {Card} first
 * @param {boolean} single
 */
function makeItem(view, first, single) {
  const card = makeCard(view, first, single);
  let text = JSON.stringify(first);
  return {
    card,
    node: card.node,
    /** @param {Card} facts */
    paint(facts) {
      const next = JSON.stringify(facts);
      if (next !== text) card.paint(facts);
      text = next;
    },
  };
}

function toTop() {
  document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0 });
}

/** @param {Parent} parent */
function makeGallery(parent) {
  const notice = el("p.notice", { role: "status" });
  const head = el("p.head");
  const text = el("p.text");
  const empty = el("div.empty", {}, icon("image"), head, text);
  const grid = el("div.grid");
  const keys = "The left and right arrow keys lead to what can be done with it.";
  const root = el("div.root.gallery", {}, notice, empty, grid);
  const outbox = makeOutbox();
  const address = makeAddress();
  let isSingle = false;
  /** @type {string | null} */
  let page = null;
  /** @type {string | null} */
  let welcomed = null;
  /** @type {(body: unknown) => void} */
  let send = () => {};

  /** @type {GalleryView} */
  const view = {
    open(card, index, purpose) {
      dialog.open(card, index, purpose);
      address.add(card.id);
      send({ view: card.id });
    },
    closed(id) {
      address.remove();
      send({ view: null });
      globalThis.studioClosed = { id, at: Date.now() };
      if (!grid.contains(focused(root))) cards.get(id)?.card.focus(); // else the browser has, or its reader
    },
    act: (act) => send({ act }),
    beside(id, by) {
      const ids = [...grid.children].map((node) => /** @type {HTMLElement} */ (node).dataset.job ?? "");
      const at = ids.indexOf(id ?? "");
      return at < 0 ? undefined : cards.get(ids[at + by] ?? "")?.card.data;
    },
  };
  const list = makeList(
    grid,
    (/** @type {Card} */ facts) => makeItem(view, facts, isSingle),
    ({ id }) => id,
  );
  const cards = list.items;
  const dialog = makeDialog(view);
  const news = makeNews();
  root.append(news.node, el("p", { id: "card-keys", hidden: true }, keys), dialog.node);
  parent.append(root);

  /** @param {GalleryData} data */
  function paintCards(data) {
    const changed = news.of(data); // a region is read once it was there before its text; behind a dialog it is not read
    if (changed) setTimeout(() => setText(dialog.job ? dialog.said : news.node, changed), 100);
    list.paint(data.cards);
  }
  /** @param {GalleryData} data */
  function paintDialog({ record, open, said }) {
    if (!outbox.isWaiting() && open !== dialog.job) followServer(open, record);
    if (!dialog.job) return;
    const own = record?.id === dialog.job ? record : null;
    const facts = own ?? cards.get(dialog.job)?.card.data;
    if (facts) dialog.paint(facts, own, open === dialog.job ? said : null);
  }
  /**
   * Show the job that the server says is open: by the address, or none after the way back.
   *
   * @param {string | null} open
   * @param {JobRecord | null} record
   */
  function followServer(open, record) {
    if (open === null) {
      address.follow();
      dialog.shut();
    } else if (record?.id === open) {
      address.follow();
      dialog.open(record, 0);
    }
  }
  /**
   * Bring a job that was just made into view.
   *
   * @param {string | null} id
   */
  function welcome(id) {
    const item = cards.get(id ?? "");
    if (!item || id === welcomed) return;
    welcomed = id;
    toTop();
    item.card.focus();
    item.node.classList.add("fresh");
  }
  /** Restore the focus to the card of the dialog that was just closed, if Streamlit has replaced the gallery since. */
  function returnFocus() {
    const { id, at } = globalThis.studioClosed ?? { id: "", at: 0 };
    if (Date.now() - at < RETURN_MS && document.activeElement === document.body) cards.get(id)?.card.focus();
  }
  const ticking = setInterval(() => {
    for (const { card } of cards.values()) card.tick();
  }, 1000);
  return {
    /**
     * @param {GalleryData} data
     * @param {Send} setStateValue
     */
    paint(data, setStateValue) {
      outbox.heard(data.heard);
      send = (body) => outbox.put(setStateValue, body);
      isSingle = data.mode === "single";
      setText(notice, data.notice ? `${data.notice.title} ${data.notice.text}` : "");
      empty.hidden = !data.empty;
      setText(head, data.empty?.title);
      setText(text, data.empty?.text);
      address.isUsed = data.in_address;
      grid.className = isSingle ? "column" : "grid";
      glide(cards, () => paintCards(data));
      if (page === null) returnFocus();
      else if (page !== data.page) toTop();
      page = data.page;
      paintDialog(data);
      welcome(data.fresh);
    },
    end: () => clearInterval(ticking),
  };
}

/** @param {Mounted<GalleryData>} mounted */
export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => makeGallery(parentElement));
  view.paint(data, setStateValue);
  return view.end;
}
