// Where the person is: three steps, the current one marked.

export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => {
    const list = el("ol.steps", { "aria-label": "Steps" });
    const said = el("p.visually-hidden", { role: "status" });
    parentElement.append(el("div.root", {}, list, said));
    return { list, said, current: data.current };
  });
  view.list.replaceChildren(...data.steps.map((name, index) => {
    const state = index < data.current ? "past" : index === data.current ? "current" : "next";
    const number = el("span.number", {}, state === "past" ? icon("check") : String(index + 1));
    const done = state === "past" ? el("span.visually-hidden", {}, "(done)") : null;
    return el(`li.${state}`, { "aria-current": state === "current" ? "step" : null, tabindex: state === "current" ? "-1" : null }, number, el("span", {}, name), done);
  }));
  if (view.current === data.current) return;
  view.current = data.current;
  setText(view.said, `Step ${data.current + 1} of ${data.steps.length}: ${data.steps[data.current]}`);
  view.list.querySelector("[aria-current]").focus(); // what was pressed is gone: go on from the top of the next step
}
