// One job with everything that is known of it. It stays open, and stays as it is, while the page goes on refreshing.

function makeDialog(view) {
  const title = el("h2.user-text", { id: "dialog-title" });
  const status = pill({ status: "", tone: "neutral" });
  const close = el("button.button.plain.icon-only", { type: "button", "aria-label": "Close", title: "Close (Esc)" }, icon("close"));
  const stage = makeStage();
  const panel = makePanel(view);
  const loading = el("p.loading", { role: "status" }, "Reading the record…");
  const sections = el("div.sections");
  const side = el("div.side", {}, panel.node, loading, sections);
  const content = el("div.content", {}, stage.node, side);
  const node = el("dialog.inspector", { "aria-labelledby": "dialog-title" }, el("header", {}, title, status.node, close), content);
  const paintSections = sectionList(sections);
  let shown = null;

  close.addEventListener("click", () => node.close());
  node.addEventListener("click", (event) => event.target === node && node.close());
  node.addEventListener("close", () => {
    if (node.open) return; // opened again meanwhile
    const id = shown;
    shown = null;
    if (id) view.closed(id);
  });

  return {
    node,
    get job() { return shown; },
    /** Close it without a word to the server, which has said so. */
    shut() {
      shown = null;
      if (node.open) node.close();
    },
    open(card, index, purpose) {
      shown = card.id;
      content.scrollTop = side.scrollTop = 0;
      stage.choose(index);
      panel.reset(purpose);
      this.paint(card, null, null);
      if (!node.open) node.showModal();
    },
    paint(card, record, said) {
      setText(title, card.title);
      status.paint(card);
      stage.paint(card, record?.details);
      panel.paint(card, record, said);
      loading.hidden = Boolean(record || said);
      paintSections(record?.sections ?? []);
    },
  };
}

/** The picture side: one image large, the others to choose from, and the facts of the chosen one. */
function makeStage() {
  const frame = el("div.frame");
  const strip = el("div.strip", { role: "group", "aria-label": "Images" });
  const actions = el("div.actions"), facts = el("div.sections");
  const paintFacts = sectionList(facts);
  let chosen = 0, card = null, details = null, drawn = "";

  function choose(index) {
    chosen = index;
    if (card) paint(card, details);
  }
  function paint(nextCard, nextDetails) {
    card = nextCard;
    details = nextDetails;
    const image = details?.[chosen] ?? { ...card.images[chosen], title: `Image ${chosen + 1}`, rows: [], attempts: [] };
    const now = JSON.stringify([card.id, chosen, card.images, image.edit]);
    if (now !== drawn) {
      drawn = now;
      frame.replaceChildren(image.thumb
        ? el("img", { src: image.thumb, alt: `${image.title} of ${card.images.length}: ${card.title}` })
        : el("span.wait", {}, icon("image"), image.word));
      frame.dataset.state = image.state;
      strip.hidden = card.images.length < 2;
      const active = strip.contains(strip.getRootNode().activeElement);
      strip.replaceChildren(...card.images.map((one, index) => thumbnail(one, index)));
      if (active) strip.children[chosen].focus();
      actions.replaceChildren(...(image.url ? imageActions(image) : []));
    }
    paintFacts([
      ...(image.rows.length ? [{ title: image.title, rows: image.rows }] : []),
      ...image.attempts.map(({ title, rows }) => ({ title: `${image.title} · ${title}`, rows })),
    ]);
  }
  function thumbnail(one, index) {
    const button = el("button.thumbnail", { type: "button", "aria-pressed": String(index === chosen), "aria-label": `Image ${index + 1}, ${one.word}` },
      one.thumb ? el("img", { src: one.thumb, alt: "" }) : el("span", {}, one.word));
    button.addEventListener("click", () => choose(index));
    return button;
  }
  return { node: el("div.stage", {}, frame, strip, actions, facts), choose, paint };
}

function imageActions({ url, file, edit }) {
  const download = el("button.button", { type: "button" }, icon("download"), "Download");
  download.addEventListener("click", () => save(url, file ?? url.split("/").pop()));
  return [
    copyButton("Copy URL", "Copy URL", () => url),
    el("a.button", { href: url, target: "_blank", rel: "noopener noreferrer" }, icon("open"), "Open full image"),
    download,
    edit ? el("a.button", { href: `./?edit=${encodeURIComponent(edit)}` }, icon("image"), "Edit this image") : null,
  ].filter(Boolean);
}

/** Save the original. A bucket that lets no other site read it gets the image opened in a tab instead. */
async function save(url, name) {
  let address = url;
  try {
    const answer = await fetch(url);
    if (answer.ok) address = URL.createObjectURL(await answer.blob());
  } catch { /* the tab, then */ }
  const link = el("a", { href: address, download: name, target: "_blank", rel: "noopener noreferrer" });
  link.click();
  if (address !== url) setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
