// A message: what happened, and what to do next.

export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => {
    const title = el("p.title");
    const text = el("p.text");
    const code = el("span.code");
    const box = el("div.notice", {}, el("div", {}, title, text), code);
    parentElement.append(el("div.root", {}, box));
    return { box, title, text, code };
  });
  view.box.className = `notice ${data.tone}`;
  setAttribute(view.box, "role", data.tone === "bad" ? "alert" : "status");
  setText(view.title, data.title);
  setText(view.text, data.text);
  setText(view.code, data.code);
}
