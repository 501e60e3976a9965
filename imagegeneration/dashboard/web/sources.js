// The images that are to be edited. One is made again only when it changes, so that none loads twice.

function makeSource(id, thumb, view) {
  const remove = el("button.button.plain.icon-only", { type: "button", "aria-label": "Do not edit this image", title: "Do not edit this image" }, icon("close"));
  remove.addEventListener("click", () => view.remove(id));
  const picture = thumb ? el("img", { src: thumb, alt: "To be edited", decoding: "async", draggable: "false" }) : el("span.gone", {}, "This image is gone");
  return { thumb, remove, node: el("li", {}, picture, remove) };
}

export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => {
    const title = el("p.title", { id: "sources-title" }), list = el("ul", { "aria-labelledby": "sources-title" });
    parentElement.append(el("div.root.sources", {}, title, list));
    return { title, list, outbox: makeOutbox(), shown: new Map() };
  });
  view.outbox.heard(data.heard);
  view.remove = (remove) => view.outbox.put(setStateValue, { remove });
  setText(view.title, data.title);
  for (const [id, { node, thumb }] of view.shown) {
    if (data.images.some((image) => image.id === id && image.thumb === thumb)) continue;
    node.remove();
    view.shown.delete(id);
  }
  data.images.forEach(({ id, thumb }, position) => {
    if (!view.shown.has(id)) view.shown.set(id, makeSource(id, thumb, view));
    const { node, remove } = view.shown.get(id);
    remove.disabled = data.locked;
    if (view.list.children[position] !== node) view.list.insertBefore(node, view.list.children[position] ?? null);
  });
}
