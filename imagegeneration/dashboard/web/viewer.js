// The pictures of a job: one fitted to the window, or at 100 %; the others by buttons and arrow keys.

/** @import { Card, ImageDetails, Tile } from "./jobs.d.ts" */
import { copyButton } from "./clipboard.js";
import { el, focused, icon, setAttribute } from "./common.js";

const NO_DETAILS = { file: null, edit: null };

/**
 * @param {"left" | "right"} name
 * @param {string} label
 * @param {string} key
 */
function makeTool(name, label, key) {
  return el(
    `button.button.tool.${name}`,
    { type: "button", "aria-label": label, title: `${label} ${key}` },
    icon(name),
  );
}

/**
 * Mark a button as leading nowhere; it keeps the focus.
 *
 * @param {Element} button
 * @param {boolean} isDisabled
 */
export function setDisabled(button, isDisabled) {
  setAttribute(button, "aria-disabled", isDisabled ? "true" : null);
}

/**
 * @param {object} told
 * @param {(index: number) => void} told.chosen another image was chosen
 * @param {(by: number) => void} told.step it goes on from the last or first image, to another job
 */
export function makeViewer({ chosen, step }) {
  const frame = el("div.frame", { tabIndex: 0, role: "group", "aria-label": "Image" });
  const left = makeTool("left", "Previous image", "(←)");
  const right = makeTool("right", "Next image", "(→)");
  const zoom = el(
    "button.button.zoom",
    { type: "button", "aria-pressed": "false", title: "Actual size (Esc ends it)" },
    icon("zoom"),
    "100 %",
  );
  const view = el("div.view", {}, frame, left, right, zoom);
  const strip = el("div.strip", { role: "group", "aria-label": "Images" });
  const actions = el("div.actions");
  const node = el("div.stage", {}, view, el("div.bar", {}, strip, actions));
  const drawn = { picture: "", strip: "", actions: "" };
  let current = 0;
  /** @type {Card | null} */
  let card = null;

  left.addEventListener("click", () => move(-1));
  right.addEventListener("click", () => move(1));
  zoom.addEventListener("click", () => (isFull() ? fit() : full(0.5, 0.5)));
  frame.addEventListener("click", (event) => {
    if (isFull()) {
      fit();
      return;
    }
    const whole = /** @type {HTMLImageElement | null} */ (frame.querySelector("img.whole.loaded"));
    if (whole) full(...spot(whole, event));
  });

  function isFull() {
    return view.classList.contains("full");
  }
  /**
   * @param {number} x
   * @param {number} y
   */
  function full(x, y) {
    view.classList.add("full");
    setAttribute(zoom, "aria-pressed", "true");
    frame.focus({ preventScroll: true });
    frame.scrollTo(x * frame.scrollWidth - frame.clientWidth / 2, y * frame.scrollHeight - frame.clientHeight / 2);
  }
  function fit() {
    view.classList.remove("full");
    setAttribute(zoom, "aria-pressed", "false");
  }
  /** @param {number} index */
  function choose(index) {
    current = index;
    fit();
  }
  /** @param {number} by */
  function move(by) {
    const next = current + by;
    if (card && next >= 0 && next < card.images.length) chosen(next);
    else step(by);
  }
  /**
   * @param {keyof typeof drawn} part
   * @param {unknown[]} facts
   */
  function changed(part, facts) {
    const now = JSON.stringify(facts);
    if (drawn[part] === now) return false;
    drawn[part] = now;
    return true;
  }
  /**
   * @param {Card} next
   * @param {ImageDetails[] | undefined} details
   * @param {boolean} before whether there is a job before this one
   * @param {boolean} after
   */
  function paint(next, details, before, after) {
    card = next;
    const { images } = card;
    const image = details?.[current] ?? images[current];
    if (!image) return;
    setDisabled(left, current === 0 && !before);
    setDisabled(right, current === images.length - 1 && !after);
    const { url, thumb, state, word } = image;
    if (changed("picture", [card.id, current, url, thumb, state, word])) drawPicture(image, card);
    if (changed("strip", [card.id, current, images.map((one) => [one.thumb, one.word])])) drawStrip(images);
    drawActions(url, details?.[current]);
  }
  /**
   * @param {string | null} url
   * @param {Pick<ImageDetails, "file" | "edit">} [details]
   */
  function drawActions(url, { file, edit } = NO_DETAILS) {
    if (changed("actions", [url, file, edit])) actions.replaceChildren(...(url ? imageActions(url, file, edit) : []));
  }
  /**
   * @param {Tile} image
   * @param {Card} of
   */
  function drawPicture({ url, thumb, state, word }, { images, title }) {
    const name = `Image ${current + 1} of ${images.length}: ${title}`;
    frame.dataset.state = state;
    zoom.hidden = true;
    if (!url) fit();
    frame.replaceChildren(...(url ? pictures(url, thumb, name) : [el("span.wait", {}, icon("image"), word)]));
  }
  /**
   * Show the original, and its thumbnail until the original is loaded.
   *
   * @param {string} url
   * @param {string | null} thumb
   * @param {string} name
   */
  function pictures(url, thumb, name) {
    const preview = thumb ? el("img.preview", { src: thumb, alt: "" }) : null;
    const whole = el("img.whole", { src: url, alt: name, draggable: "false" });
    preview?.addEventListener("load", () => {
      view.style.setProperty("--ratio", String(preview.naturalWidth / preview.naturalHeight));
    });
    whole.addEventListener("load", () => {
      whole.classList.add("loaded");
      preview?.remove();
      zoom.hidden = false;
    });
    return preview ? [preview, whole] : [whole];
  }
  /** @param {Tile[]} images */
  function drawStrip(images) {
    strip.hidden = images.length < 2;
    const hadFocus = strip.contains(focused(strip));
    strip.replaceChildren(...images.map((one, index) => thumbnail(one, index)));
    if (hadFocus) /** @type {HTMLElement | undefined} */ (strip.children[current])?.focus();
  }
  /**
   * @param {Tile} one
   * @param {number} index
   */
  function thumbnail({ thumb, word }, index) {
    const button = el(
      "button.thumbnail",
      { type: "button", "aria-pressed": String(index === current), "aria-label": `Image ${index + 1}, ${word}` },
      thumb ? el("img", { src: thumb, alt: "" }) : el("span", {}, word),
    );
    button.addEventListener("click", () => chosen(index));
    return button;
  }
  return {
    node,
    choose,
    move,
    paint,
    fit,
    isFull,
    get index() {
      return current;
    },
  };
}

/**
 * Return where in the picture a click was, from 0 to 1. The picture is centered in its box, in its own proportions.
 *
 * @param {Pick<HTMLImageElement, "getBoundingClientRect" | "naturalWidth" | "naturalHeight">} image
 * @param {{ clientX: number, clientY: number }} event
 * @returns {[number, number]}
 */
export function spot(image, event) {
  const box = image.getBoundingClientRect();
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  /**
   * @param {number} at
   * @param {number} size
   */
  const share = (at, size) => Math.min(Math.max(0.5 + at / (scale * size), 0), 1);
  return [
    share(event.clientX - box.x - box.width / 2, image.naturalWidth),
    share(event.clientY - box.y - box.height / 2, image.naturalHeight),
  ];
}

/**
 * @param {string} url
 * @param {string | null} file
 * @param {string | null} edit
 */
function imageActions(url, file, edit) {
  const download = el("button.button", { type: "button" }, icon("download"), "Download");
  download.addEventListener("click", () => save(url, file ?? url.split("/").pop() ?? ""));
  const open = { href: url, target: "_blank", rel: "noopener noreferrer" };
  const nodes = [
    copyButton("Copy URL", "Copy URL", () => url).node,
    el("a.button", open, icon("open"), "Open full image"),
    download,
  ];
  if (edit)
    nodes.push(el("a.button", { href: `./?edit=${encodeURIComponent(edit)}` }, icon("image"), "Edit this image"));
  return nodes;
}

/**
 * Save the original. If the bucket lets no other site read it, open the image in a tab instead.
 *
 * @param {string} url
 * @param {string} name
 */
async function save(url, name) {
  let address = url;
  try {
    const answer = await fetch(url);
    if (answer.ok) address = URL.createObjectURL(await answer.blob());
  } catch {
    // not readable: open the tab
  }
  const link = el("a", { href: address, download: name, target: "_blank", rel: "noopener noreferrer" });
  link.click();
  if (address !== url) setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
