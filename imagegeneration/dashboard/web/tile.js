// One image of a card: a word for its state, then a preview, then the image itself.

/** @import { Card, GalleryView, Tile } from "./jobs.d.ts" */
import { copyButton } from "./clipboard.js";
import { el, setText } from "./common.js";

/**
 * @param {number} index
 * @param {number} count
 * @param {GalleryView} view
 * @param {{ data: Card }} card
 */
export function makeTile(index, count, view, card) {
  const word = el("span.word");
  const wait = el("span.wait", {}, word);
  const copy = copyButton("", `Copy URL of image ${index + 1}`, () => card.data.images[index]?.url, ".icon-only");
  const pixels = el("span.pixels");
  const node = el("div.tile", {}, wait, copy.node, pixels);
  /** @type {HTMLImageElement | null} */
  let image = null;
  node.addEventListener("click", () => view.open(card.data, index));

  /** @param {Element | null} [but] */
  function removeImages(but) {
    for (const old of node.querySelectorAll(":scope > img")) if (old !== but) old.remove();
  }
  /**
   * @param {string} address
   * @param {string} alt
   * @param {boolean} isDone
   */
  function load(address, alt, isDone) {
    const next = el("img", { src: address, alt, loading: "lazy", decoding: "async", draggable: "false" });
    next.addEventListener("load", () => {
      if (image !== next) return; // a later one is loading, and replaces all others
      node.classList.add("loaded");
      removeImages(next);
    });
    next.addEventListener("error", () => {
      if (isDone) setText(word, "Preview not available");
      else next.remove();
    });
    node.prepend(next);
    image = next;
  }
  return {
    node,
    /**
     * @param {Tile} tile
     * @param {string} title
     */
    paint({ state, word: text, thumb, partial, size }, title) {
      pixels.hidden = !size;
      setText(pixels, size && `${size} px`);
      node.dataset.state = state;
      setText(word, text);
      copy.node.hidden = state !== "STORED";
      const shown = thumb ?? partial;
      node.classList.toggle("partial", Boolean(!thumb && partial));
      if (!shown) {
        removeImages();
        image = null;
        node.classList.remove("loaded");
      } else if (image?.src !== shown) {
        load(shown, `Image ${index + 1} of ${count}${thumb ? "" : ", not yet done"}: ${title}`, Boolean(thumb));
      }
    },
  };
}
