// The difference between two prompts, as text.

const TAGS = { same: "span", added: "ins", removed: "del" };

export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => {
    const summary = el("p.summary", { "aria-live": "polite" });
    const text = el("div.pieces.user-text", { role: "region", "aria-label": "What changed", tabIndex: 0 });
    parentElement.append(el("div.root.difference", {}, summary, text));
    return { summary, text };
  });
  setText(view.summary, data.summary);
  view.text.hidden = data.pieces.every(([kind]) => kind === "same");
  view.text.replaceChildren(...data.pieces.map(([kind, text]) => el(TAGS[kind], {}, text)));
}
