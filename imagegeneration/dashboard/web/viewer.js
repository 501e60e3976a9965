// The pictures of a job: one whole and as large as the window allows, or at 100 %; the others by buttons and arrow keys.

/** `chosen(index)` is called when another image was chosen, `step(by)` to go on from the last or first, to another job. */
function makeViewer({ chosen, step }) {
  const frame = el("div.frame", { tabIndex: 0, role: "group", "aria-label": "Image" });
  const tool = (name, label, ...keys) => el(`button.button.tool.${name}`, { type: "button", "aria-label": label, title: [label, ...keys].join(" ") }, icon(name));
  const left = tool("left", "Previous image", "(←)"), right = tool("right", "Next image", "(→)");
  const zoom = el("button.button.zoom", { type: "button", "aria-pressed": "false", title: "Actual size (Esc ends it)" }, icon("zoom"), "100 %");
  const view = el("div.view", {}, frame, left, right, zoom);
  const strip = el("div.strip", { role: "group", "aria-label": "Images" });
  const actions = el("div.actions");
  const viewer = { node: el("div.stage", {}, view, el("div.bar", {}, strip, actions)), index: 0, choose, move, paint, fit };
  let card = null;
  const drawn = { picture: "", strip: "", actions: "" };

  left.addEventListener("click", () => move(-1));
  right.addEventListener("click", () => move(1));
  zoom.addEventListener("click", () => (viewer.isFull() ? fit() : full(0.5, 0.5)));
  frame.addEventListener("click", (event) => {
    if (viewer.isFull()) return fit();
    const whole = frame.querySelector("img.whole.loaded");
    if (whole) full(...spot(whole, event));
  });
  viewer.isFull = () => view.classList.contains("full");

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
  function choose(index) {
    viewer.index = index;
    fit();
  }
  function move(by) {
    const next = viewer.index + by;
    if (next >= 0 && next < card.images.length) chosen(next);
    else step(by);
  }
  function changed(part, facts) {
    const now = JSON.stringify(facts);
    if (drawn[part] === now) return false;
    drawn[part] = now;
    return true;
  }
  /** `before` and `after`: whether there are jobs to go on to. */
  function paint(next, details, before, after) {
    card = next;
    const { index } = viewer, { images } = card;
    const image = details?.[index] ?? images[index];
    setAttribute(left, "aria-disabled", index > 0 || before ? null : "true");
    setAttribute(right, "aria-disabled", index < images.length - 1 || after ? null : "true");
    if (changed("picture", [card.id, index, image.url, image.thumb, image.state, image.word])) drawPicture(image);
    if (changed("strip", [card.id, index, images.map(({ thumb, word }) => [thumb, word])])) drawStrip();
    if (changed("actions", [image.url, image.file, image.edit])) actions.replaceChildren(...(image.url ? imageActions(image) : []));
  }
  function drawPicture({ url, thumb, state, word }) {
    const name = `Image ${viewer.index + 1} of ${card.images.length}: ${card.title}`;
    frame.dataset.state = state;
    zoom.hidden = true;
    if (!url) fit();
    frame.replaceChildren(...(url ? pictures(url, thumb, name) : [el("span.wait", {}, icon("image"), word)]));
  }
  /** The original, and until it is there its thumbnail. */
  function pictures(url, thumb, name) {
    const preview = thumb ? el("img.preview", { src: thumb, alt: "" }) : null;
    const whole = el("img.whole", { src: url, alt: name, draggable: "false" });
    preview?.addEventListener("load", () => view.style.setProperty("--ratio", preview.naturalWidth / preview.naturalHeight));
    whole.addEventListener("load", () => {
      whole.classList.add("loaded");
      preview?.remove();
      zoom.hidden = false;
    });
    return [preview, whole].filter(Boolean);
  }
  function drawStrip() {
    strip.hidden = card.images.length < 2;
    const active = strip.contains(strip.getRootNode().activeElement);
    strip.replaceChildren(...card.images.map((one, index) => thumbnail(one, index)));
    if (active) strip.children[viewer.index].focus();
  }
  function thumbnail(one, index) {
    const button = el("button.thumbnail", { type: "button", "aria-pressed": String(index === viewer.index), "aria-label": `Image ${index + 1}, ${one.word}` },
      one.thumb ? el("img", { src: one.thumb, alt: "" }) : el("span", {}, one.word));
    button.addEventListener("click", () => chosen(index));
    return button;
  }
  return viewer;
}

/** Where in the picture a click was, each from 0 to 1. The picture is in the middle of its box, with its own proportions. */
function spot(image, event) {
  const box = image.getBoundingClientRect();
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  const share = (at, size) => Math.min(Math.max(0.5 + at / (scale * size), 0), 1);
  return [share(event.clientX - box.x - box.width / 2, image.naturalWidth), share(event.clientY - box.y - box.height / 2, image.naturalHeight)];
}

function imageActions({ url, file, edit }) {
  const download = el("button.button", { type: "button" }, icon("download"), "Download");
  download.addEventListener("click", () => save(url, file ?? url.split("/").pop()));
  return [
    copyButton("Copy URL", "Copy URL", () => url),
    el("a.button", { href: url, target: "_blank", rel: "noopener noreferrer" }, icon("open"), "Open full image"),
    download,
    edit ? el("a.button", { href: `./?edit=${encodeURIComponent(edit)}` }, icon("image"), "Edit this image") : null,
  ].filter(Boolean);
}

/** Save the original. A bucket that lets no other site read it gets the image opened in a tab instead. */
async function save(url, name) {
  let address = url;
  try {
    const answer = await fetch(url);
    if (answer.ok) address = URL.createObjectURL(await answer.blob());
  } catch { /* the tab, then */ }
  const link = el("a", { href: address, download: name, target: "_blank", rel: "noopener noreferrer" });
  link.click();
  if (address !== url) setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
