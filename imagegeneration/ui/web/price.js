// What an image costs at most, how it will be made, and what is left to spend.

export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => {
    const each = el("b"), madeAs = el("span"), left = el("p.left", { role: "status" });
    parentElement.append(el("div.root.price", {}, el("p", {}, each, madeAs), left));
    return { each, madeAs, left };
  });
  setText(view.each, data.each);
  setText(view.madeAs, data.made_as ? ` · ${data.made_as}` : "");
  setText(view.left, data.left);
  view.left.classList.toggle("short", data.short);
}
