// The gallery: cards in a map by id, and the dialog. A refresh changes what changed and nothing else.

/** A job that is passed by the arrow keys is not asked for before it has been looked at for so long. */
const PASSING_MS = 250;

function makeGallery(parent) {
  const notice = el("p.notice", { role: "status" });
  const empty = el("div.empty", {}, icon("image"), el("p.head"), el("p.text"));
  const grid = el("div.grid");
  const root = el("div.root.gallery", {}, notice, empty, grid);
  const cards = new Map();
  const view = { cards, outbox: makeOutbox(), page: null, opened: null, waiting: undefined, order: [] };
  const dialog = makeDialog(view);
  let telling = null;
  root.append(dialog.node);
  parent.append(root);

  function tell(job, delay = 0) {
    view.waiting = job; // until the server says the same, what it says of the dialog is old
    clearTimeout(telling);
    if (delay) telling = setTimeout(() => view.send({ view: job }), delay);
    else view.send({ view: job });
  }
  view.open = (card, index, purpose) => {
    const delay = dialog.job ? PASSING_MS : 0;
    dialog.open(card, index, purpose);
    tell(card.id, delay);
  };
  view.beside = (id, by) => (view.order.includes(id) ? cards.get(view.order[view.order.indexOf(id) + by])?.data : undefined);
  view.closed = (id) => {
    tell(null);
    if (!grid.contains(root.getRootNode().activeElement)) cards.get(id)?.focus(); // else the browser has, or its reader
  };
  view.act = (act) => view.send({ act });

  view.paint = (data) => {
    setText(notice, data.notice ? `${data.notice.title} ${data.notice.text}` : "");
    empty.hidden = !data.empty;
    setText(empty.querySelector(".head"), data.empty?.title);
    setText(empty.querySelector(".text"), data.empty?.text);
    grid.className = data.mode === "single" ? "column" : "grid";
    paintCards(data);
    if (view.page !== null && view.page !== data.page) root.scrollIntoView({ block: "end" });
    view.page = data.page;
    paintDialog(data);
  };
  function paintCards(data) {
    view.order = data.cards.map(({ id }) => id);
    const wanted = new Set(view.order);
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
    if (data.open === view.waiting) view.waiting = undefined;
    else if (view.waiting === undefined && data.open !== view.opened && !dialog.job && record) dialog.open(record, 0); // by its address
    if (view.waiting === undefined) view.opened = data.open;
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
