// A secret that is shown once, with a call that shows whether it works. Both can be copied.

export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => {
    const secret = el("code"), example = el("code"), shown = {};
    const line = (name, node, label) =>
      el("div.line", {}, el("div.box", { tabIndex: 0, role: "region", "aria-label": name }, node), copyButton("Copy", label, () => shown[name]));
    parentElement.append(el("div.root.secret", {},
      el("p", {}, "Copy it now and keep it where secrets are kept. It is never shown again, and nobody can look it up: only its hash is stored."),
      line("The key", secret, "Copy the key"),
      el("h3", {}, "Try it"),
      line("An example", example, "Copy the example")));
    return { secret, example, shown };
  });
  view.shown["The key"] = data.secret;
  view.shown["An example"] = data.example;
  setText(view.secret, data.secret);
  setText(view.example, data.example);
}
