// One job with everything that is known of it. It stays open, and stays as it is, while the page goes on refreshing.

const KEYS = { ArrowLeft: ["move", -1], ArrowRight: ["move", 1], ArrowUp: ["step", -1], ArrowDown: ["step", 1] };

function makeDialog(view) {
  const title = el("h2.user-text", { id: "dialog-title" });
  const status = pill({ status: "", tone: "neutral" });
  const control = (name, label, key) => el("button.button.plain.icon-only", { type: "button", "aria-label": label, title: `${label} (${key})` }, icon(name));
  const close = control("close", "Close", "Esc"), before = control("up", "Previous job", "↑"), after = control("down", "Next job", "↓");
  const wide = el("button.button.plain.icon-only.wide", { type: "button", "aria-label": "Only the image", title: "Only the image", "aria-pressed": "false" }, icon("aside"));
  const said = el("p.visually-hidden", { role: "status" });
  const viewer = makeViewer({ chosen, step: (by) => step(by, by < 0 ? -1 : 0) });
  const panel = makePanel(view);
  const loading = el("p.loading", { role: "status" }, "Reading the record…");
  const sections = el("div.sections"), facts = el("div.sections");
  const side = el("div.side", {}, panel.node, loading, sections, facts);
  const content = el("div.content", {}, viewer.node, side);
  const header = el("header", {}, title, status.node, el("span.controls", {}, wide, before, after, close));
  const node = el("dialog.inspector", { "aria-labelledby": "dialog-title" }, header, content, said);
  const paintSections = sectionList(sections), paintFacts = sectionList(facts);
  let shown = null, last = null;
  close.autofocus = true;

  close.addEventListener("click", () => node.close());
  wide.addEventListener("click", () => setAttribute(wide, "aria-pressed", String(content.classList.toggle("alone"))));
  before.addEventListener("click", () => step(-1, 0));
  after.addEventListener("click", () => step(1, 0));
  node.addEventListener("click", (event) => event.target === node && node.close());
  node.addEventListener("close", () => {
    if (node.open) return; // opened again meanwhile
    const id = shown;
    shown = null;
    if (id) view.closed(id);
  });
  node.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (viewer.isFull()) {
      if (event.key !== "Escape") return; // the arrow keys scroll
      event.preventDefault();
      viewer.fit();
      return;
    }
    const [what, by] = KEYS[event.key] ?? [], { target } = event;
    if (!what || target.closest("input, textarea, select, [role=region]")) return;
    if (what === "step" && side.contains(target)) return; // it scrolls there
    event.preventDefault();
    if (what === "move") viewer.move(by);
    else step(by, 0);
  });

  /** Show the job before or after this one, from the image `index` on; -1 is its last. */
  function step(by, index) {
    const next = view.beside(shown, by);
    if (!next) return;
    view.open(next, index < 0 ? next.images.length + index : index);
    setText(said, `${next.title}, ${next.status}`);
  }
  function chosen(index) {
    viewer.choose(index);
    paint(...last);
    setText(said, `Image ${index + 1} of ${last[0].images.length}`);
  }
  function paint(card, record, message) {
    last = [card, record, message];
    setText(title, card.title);
    status.paint(card);
    const earlier = view.beside(card.id, -1), later = view.beside(card.id, 1);
    viewer.paint(card, record?.details, earlier, later);
    panel.paint(card, record, message);
    loading.hidden = Boolean(record || message);
    paintSections(record?.sections ?? []);
    paintFacts(record ? imageFacts(record.details[viewer.index]) : []);
    setAttribute(before, "aria-disabled", earlier ? null : "true");
    setAttribute(after, "aria-disabled", later ? null : "true");
  }
  function open(card, index, purpose) {
    shown = card.id;
    content.scrollTop = side.scrollTop = 0;
    setText(said, "");
    viewer.choose(index);
    panel.reset(purpose);
    paint(card, null, null);
    if (!node.open) node.showModal();
  }
  /** Close it without a word to the server, which has said so. */
  function shut() {
    shown = null;
    if (node.open) node.close();
  }
  return { node, said, open, shut, paint, get job() { return shown; } };
}

function imageFacts({ title, rows, attempts }) {
  return [
    ...(rows.length ? [{ title, rows }] : []),
    ...attempts.map((attempt) => ({ title: `${title} · ${attempt.title}`, rows: attempt.rows })),
  ];
}
