// Models side by side: one radio button a row, so that the arrow keys walk through them.

function makeOffer(name, pick) {
  const input = el("input", { type: "radio", name });
  const title = el("span.title.user-text"), tags = el("span.tags"), about = el("span.about.user-text");
  const price = el("span.figure.price"), time = el("span.figure.time"), quality = el("span.figure.quality");
  const amount = el("span"), estimate = el("small", {}, " estimate");
  const node = el("label.offer", {}, input, el("span.line", {}, title, tags), price, time, quality, about);
  const row = { node, input, facts: null };
  input.addEventListener("change", () => pick(row.facts.key));
  row.paint = (facts, locked) => {
    row.facts = facts;
    setText(title, facts.title);
    setText(about, facts.about);
    tags.replaceChildren(...facts.tags.map((tag) => el("span.tag", {}, tag)));
    setText(amount, facts.price ?? "no price");
    price.replaceChildren(...(facts.time ? [amount] : []), ...(facts.estimate ? [estimate] : []));
    price.classList.toggle("none", !facts.price);
    setText(time, facts.time);
    setText(quality, facts.quality);
    input.checked = facts.checked;
    input.disabled = locked || (facts.off && !facts.checked);
    node.classList.toggle("off", facts.off);
    const cost = facts.price ? `up to ${facts.price} an image${facts.estimate ? ", by an estimate" : ""}` : "no price";
    const figures = facts.time ? [cost, `about ${facts.time}`, `quality ${facts.quality}`] : [];
    setAttribute(input, "aria-label", [facts.title, ...figures, facts.about].filter(Boolean).join(", "));
  };
  return row;
}

export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => {
    const head = el("div.head", { "aria-hidden": "true" }, el("span", {}, "Model"), el("span", {}, "Image, up to"), el("span", {}, "About"), el("span", {}, "Quality"));
    const list = el("div.list", { role: "radiogroup", "aria-label": "Model" });
    parentElement.append(el("div.root.offers", {}, head, list));
    return { list, rows: new Map() };
  });
  // A state, as a trigger is lost where the page is still being drawn; the time makes the same choice another one.
  view.pick = (key) => setStateValue("pick", { key, at: Date.now() });
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
