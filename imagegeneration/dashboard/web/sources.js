// The images to edit. Each is replaced only when it changes, so that none loads twice.

/** @import { Mounted, Parent } from "./types.d.ts" */
import { el, icon, setText, viewOf } from "./common.js";
import { makeList } from "./list.js";
import { makeOutbox } from "./outbox.js";

/** @typedef {{ id: string, thumb: string | null, locked: boolean }} Source */

/**
 * @param {Source} source
 * @param {(id: string) => void} take
 */
function makeSource({ id, thumb }, take) {
  const label = "Do not edit this image";
  const remove = el(
    "button.button.plain.icon-only",
    { type: "button", "aria-label": label, title: label },
    icon("close"),
  );
  remove.addEventListener("click", () => take(id));
  const picture = thumb
    ? el("img", { src: thumb, alt: "To be edited", decoding: "async", draggable: "false" })
    : el("span.gone", {}, "This image is gone");
  return {
    node: el("li", {}, picture, remove),
    /** @param {Source} source */
    paint({ locked }) {
      remove.disabled = locked;
    },
  };
}

/** @param {Parent} parent */
function makeSources(parent) {
  const title = el("p.title", { id: "sources-title" });
  const images = el("ul", { "aria-labelledby": "sources-title" });
  parent.append(el("div.root.sources", {}, title, images));
  const told = {
    /** @param {string} _id */
    take(_id) {},
  };
  const list = makeList(
    images,
    (/** @type {Source} */ source) => makeSource(source, (id) => told.take(id)),
    ({ id, thumb }) => `${id} ${thumb}`,
  );
  return { title, list, told, outbox: makeOutbox() };
}

/** @param {Mounted<{ title: string, images: Omit<Source, "locked">[], locked: boolean, heard: number }>} mounted */
export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => makeSources(parentElement));
  view.outbox.heard(data.heard);
  view.told.take = (remove) => view.outbox.put(setStateValue, { remove });
  setText(view.title, data.title);
  view.list.paint(data.images.map((image) => ({ ...image, locked: data.locked })));
}
