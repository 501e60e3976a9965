// Where the person is: three steps, the current one marked.

export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => {
    const list = el("ol.steps", { "aria-label": "Steps" });
    parentElement.append(el("div.root", {}, list));
    return { list };
  });
  view.list.replaceChildren(...data.steps.map((name, index) => {
    const state = index < data.current ? "past" : index === data.current ? "current" : "next";
    const number = el("span.number", {}, state === "past" ? icon("check") : String(index + 1));
    const done = state === "past" ? el("span.visually-hidden", {}, "(done)") : null;
    return el(`li.${state}`, { "aria-current": state === "current" ? "step" : null }, number, el("span", {}, name), done);
  }));
}
