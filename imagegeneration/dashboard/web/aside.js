// A short list that explains; its texts are ours.

export default function ({ data, parentElement }) {
  viewOf(parentElement, () => {
    const items = data.items.map(([name, text]) => el("li", {}, el("b", {}, name), el("span", {}, text)));
    parentElement.append(el("div.root.aside", {}, el("h2", {}, data.title), el("ol", {}, ...items)));
    return {};
  });
}
