// Models side by side: one radio button a row, so that the arrow keys walk through them.

function makeOffer(name, pick) {
  const input = el("input", { type: "radio", name });
  const title = el("span.title.user-text"), tags = el("span.tags"), about = el("span.about.user-text");
  const price = el("span.figure"), time = el("span.figure"), quality = el("span.figure");
  const node = el("label.offer", {}, input, el("span.line", {}, title, tags), price, time, quality, about);
  const row = { node, input, facts: null };
  input.addEventListener("change", () => pick(row.facts.key));
  row.paint = (facts, locked) => {
    row.facts = facts;
    setText(title, facts.title);
    setText(about, facts.about);
    tags.replaceChildren(...facts.tags.map((tag) => el("span.tag", {}, tag)));
    setText(price, facts.price);
    setText(time, facts.time);
    setText(quality, facts.quality);
    input.checked = facts.checked;
    input.disabled = locked || (facts.off && !facts.checked);
    node.classList.toggle("off", facts.off);
    const figures = facts.price ? [`up to ${facts.price} an image`, `about ${facts.time}`, `quality ${facts.quality}`] : [];
    setAttribute(input, "aria-label", [facts.title, ...figures, facts.about].filter(Boolean).join(", "));
  };
  return row;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const view = viewOf(parentElement, () => {
    const head = el("div.head", { "aria-hidden": "true" }, el("span", {}, "Model"), el("span", {}, "An image, up to"), el("span", {}, "About"), el("span", {}, "Quality"));
    const list = el("div.list", { role: "radiogroup", "aria-label": "Model" });
    parentElement.append(el("div.root.offers", {}, head, list));
    return { list, rows: new Map() };
  });
  view.pick = (key) => setTriggerValue("pick", key);
  const wanted = new Set(data.offers.map(({ key }) => key));
  for (const [key, row] of view.rows) {
    if (wanted.has(key)) continue;
    row.node.remove();
    view.rows.delete(key);
  }
  data.offers.forEach((facts, position) => {
    if (!view.rows.has(facts.key)) view.rows.set(facts.key, makeOffer("model", (key) => view.pick(key)));
    const row = view.rows.get(facts.key);
    row.paint(facts, data.locked);
    if (view.list.children[position] !== row.node) view.list.insertBefore(row.node, view.list.children[position] ?? null);
  });
}
