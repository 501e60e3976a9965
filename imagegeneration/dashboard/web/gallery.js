// The gallery: cards in a map by id, and the dialog. A refresh changes what changed and nothing else.

const GLIDE_MS = 350;
const RETURN_MS = 5000;

/** Let cards that `change` moves glide to their new places: nothing jumps below a reader's eye or finger. */
function glide(cards, change) {
  const places = () => new Map([...cards.values()].map(({ node }) => [node, node.getBoundingClientRect()]));
  const before = matchMedia("(prefers-reduced-motion: reduce)").matches ? new Map() : places();
  change();
  if (before.size === 0) return;
  for (const [node, { x, y }] of places()) {
    const from = before.get(node);
    if (!from || (from.x === x && from.y === y)) continue;
    node.animate([{ transform: `translate(${from.x - x}px, ${from.y - y}px)` }, { transform: "none" }], { duration: GLIDE_MS, easing: "ease-out" });
  }
}

function makeGallery(parent) {
  const notice = el("p.notice", { role: "status" });
  const empty = el("div.empty", {}, icon("image"), el("p.head"), el("p.text"));
  const grid = el("div.grid");
  const root = el("div.root.gallery", {}, notice, empty, grid);
  const cards = new Map();
  const view = { cards, outbox: makeOutbox(), address: makeAddress(), page: null, fresh: null };
  const dialog = makeDialog(view);
  const news = makeNews();
  root.append(news.node, el("p", { id: "card-keys", hidden: true }, "The left and right arrow keys lead to what can be done with it."), dialog.node);
  parent.append(root);

  function toTop() {
    document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0 });
  }
  view.open = (card, index, purpose) => {
    dialog.open(card, index, purpose);
    view.address.add(card.id);
    view.send({ view: card.id });
  };
  view.closed = (id) => {
    view.address.remove();
    view.send({ view: null });
    globalThis.studioClosed = { id, at: Date.now() };
    if (!grid.contains(root.getRootNode().activeElement)) cards.get(id)?.focus(); // else the browser has, or its reader
  };
  view.act = (act) => view.send({ act });
  /** The job before (-1) or after (1) the one with this id, as the page shows them. */
  view.beside = (id, by) => {
    const ids = [...grid.children].map((node) => node.dataset.job);
    return ids.includes(id) ? cards.get(ids[ids.indexOf(id) + by])?.data : undefined;
  };

  view.paint = (data) => {
    setText(notice, data.notice ? `${data.notice.title} ${data.notice.text}` : "");
    empty.hidden = !data.empty;
    setText(empty.querySelector(".head"), data.empty?.title);
    setText(empty.querySelector(".text"), data.empty?.text);
    view.address.isUsed = data.in_address;
    grid.className = data.mode === "single" ? "column" : "grid";
    const isNew = view.page === null;
    glide(cards, () => paintCards(data));
    if (isNew) returnFocus();
    if (view.page !== null && view.page !== data.page) toTop();
    view.page = data.page;
    paintDialog(data);
    if (data.fresh && data.fresh !== view.fresh && cards.has(data.fresh)) welcome(data.fresh);
  };
  /** Bring a job that was just made into view. */
  function welcome(id) {
    view.fresh = id;
    toTop();
    cards.get(id).focus();
    cards.get(id).node.classList.add("fresh");
  }
  /** The focus was on the card of the dialog that was just closed, in a gallery that Streamlit has made anew since. */
  function returnFocus() {
    const { id, at } = globalThis.studioClosed ?? {};
    if (Date.now() - at < RETURN_MS && document.activeElement === document.body) cards.get(id)?.focus();
  }
  function paintCards(data) {
    const changed = news.of(data); // a region is read once it was there before its text; behind a dialog it is not read
    if (changed) setTimeout(() => setText(dialog.job ? dialog.said : news.node, changed), 100);
    const wanted = new Set(data.cards.map(({ id }) => id));
    for (const [id, card] of cards) {
      if (wanted.has(id)) continue;
      card.node.remove();
      cards.delete(id);
    }
    data.cards.forEach((facts, position) => {
      const text = JSON.stringify(facts);
      let card = cards.get(facts.id);
      if (!card) {
        card = makeCard(view, facts, data.mode === "single");
        cards.set(facts.id, card);
      } else if (card.text !== text) {
        card.paint(facts);
      }
      card.text = text;
      if (grid.children[position] !== card.node) grid.insertBefore(card.node, grid.children[position] ?? null);
    });
  }
  function paintDialog(data) {
    const record = data.record;
    if (!view.outbox.isWaiting() && data.open !== dialog.job) { // by its address, or closed by the way back
      if (data.open === null || record?.id === data.open) view.address.follow();
      if (data.open === null) dialog.shut();
      else if (record?.id === data.open) dialog.open(record, 0);
    }
    if (!dialog.job) return;
    const own = record?.id === dialog.job ? record : null;
    const facts = own ?? cards.get(dialog.job)?.data;
    if (facts) dialog.paint(facts, own, data.open === dialog.job ? data.said : null);
  }
  view.timer = setInterval(() => cards.forEach((card) => card.tick()), 1000);
  view.end = () => clearInterval(view.timer);
  return view;
}

export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => makeGallery(parentElement));
  view.outbox.heard(data.heard);
  view.send = (body) => view.outbox.put(setStateValue, body);
  view.paint(data);
  return view.end;
}
