// A document for the tests of what draws: happy-dom's window stands for the browser's. Import it first.

import { Window } from "happy-dom";

const window = new Window({ url: "http://localhost/jobs" });
const names = [
  "document",
  "location",
  "history",
  "localStorage",
  "sessionStorage",
  "Event",
  "KeyboardEvent",
  "MouseEvent",
];
for (const name of [...names, "MutationObserver", "ShadowRoot", "CSS", "matchMedia"]) {
  Object.defineProperty(globalThis, name, { value: window[name], configurable: true, writable: true });
}
for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) {
  globalThis[name] = window[name].bind(window);
}
globalThis.window = window;

/** An empty place on the page, as Streamlit gives it to a component. */
export function place() {
  const parent = document.createElement("div");
  document.body.replaceChildren(parent);
  return parent;
}

/** Draw a component as the server does; what it sends is collected in `sent`. */
export function mount(component, parent = place()) {
  const sent = [];
  const setStateValue = (name, value) => sent.push([name, structuredClone(value)]);
  return { parent, sent, draw: (data) => component({ data, parentElement: parent, setStateValue }) };
}

/** The one element that fits, by a selector. */
export function one(parent, selector) {
  const found = parent.querySelectorAll(selector);
  if (found.length !== 1) throw new Error(`${found.length} elements fit ${selector}`);
  return found[0];
}

export function type(input, text) {
  input.value = text;
  input.dispatchEvent(new Event("input"));
}
