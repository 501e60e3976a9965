// Shared by all components. Text from users only ever passes through textContent or value.

/** @import { Child, ElementOf, Parent, Properties } from "./types.d.ts" */

/** @type {WeakMap<Parent, any>} */
const views = new WeakMap();

/**
 * Return the view that belongs to a mounted component, made at its first run.
 *
 * @template View
 * @param {Parent} parent
 * @param {() => View} make
 * @returns {View}
 */
export function viewOf(parent, make) {
  if (!views.has(parent)) views.set(parent, make());
  return views.get(parent);
}

/**
 * Make an element: `el("p.name", {title: "..."}, "text", child)`.
 *
 * @template {string} Description
 * @param {Description} description
 * @param {Properties} [properties]
 * @param {...Child} children
 * @returns {ElementOf<Description>}
 */
export function el(description, properties = {}, ...children) {
  const [tag = "", ...classes] = description.split(".");
  /** @type {any} */
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/**
 * Set text only if it differs, so that a selection in it survives.
 *
 * @param {Node} node
 * @param {string | null | undefined} text
 */
export function setText(node, text) {
  const next = text ?? "";
  if (node.textContent !== next) node.textContent = next;
}

/**
 * Set an attribute only if it differs; null removes it.
 *
 * @param {Element} node
 * @param {string} name
 * @param {string | null | undefined} value
 */
export function setAttribute(node, name, value) {
  if (value === null || value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * Return the element with the focus in the shadow tree around `node`, or in the page.
 *
 * @param {Node} node
 */
export function focused(node) {
  const root = /** @type {Document | ShadowRoot} */ (node.getRootNode());
  return /** @type {HTMLElement | null} */ (root.activeElement ?? null);
}

const ICONS = {
  copy: "M9 9h10v10H9z M5 15V5h10",
  check: "M5 12.5l4.5 4.5L19 7.5",
  open: "M14 5h5v5 M19 5l-8 8 M12 6H5v13h13v-7",
  download: "M12 4v11 M7 10.5l5 5 5-5 M5 20h14",
  retry: "M19.5 12a7.5 7.5 0 1 1-2.3-5.4 M19 3v4.5h-4.5",
  close: "M6 6l12 12 M18 6L6 18",
  left: "M14.5 6l-6 6 6 6",
  right: "M9.5 6l6 6-6 6",
  up: "M6 14.5l6-6 6 6",
  down: "M6 9.5l6 6 6-6",
  aside: "M4 5h16v14H4z M15 5v14",
  zoom: "M11 4.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13 M15.8 15.8l4.2 4.2 M8.5 11h5 M11 8.5v5",
  image: "M4 5h16v14H4z M4 16l5-5 4 4 3-3 4 4 M15 9.5h.01",
  alert: "M12 8v5 M12 16.5v.01 M12 3.5l9.5 17h-19z",
};

/**
 * Make a line icon; decorative, so hidden from assistive technology.
 *
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
