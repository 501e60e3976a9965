// What the person typed, as text.

export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => {
    const intent = el("dd.user-text.intent");
    const prompt = el("dd.user-text.prompt", { tabIndex: 0 });
    parentElement.append(el("div.root.typed", {}, el("dl", {},
      el("dt", {}, "Intent"), intent, el("dt", {}, "What you typed"), prompt, el("dt", {}, "What changed"))));
    return { intent, prompt };
  });
  setText(view.intent, data.intent);
  setText(view.prompt, data.prompt);
}
