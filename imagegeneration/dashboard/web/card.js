// One job as a card. A card is made once and then patched, so that nothing flickers and no image loads twice.

/** The line about time: how long an active job has been at it, how long ago an ended one was asked for. */
function timeLine(data, single) {
  if (!data.over) return [`for ${span((Date.now() - data.since) / 1000)}`, data.about].filter(Boolean).join(" · ");
  return single && data.until ? `took ${span((data.until - data.since) / 1000)}` : ago(data.created);
}

function makeTile(index, count, view, card) {
  const word = el("span.word");
  const wait = el("span.wait", {}, word);
  const copy = copyButton("", `Copy URL of image ${index + 1}`, () => card.data.images[index].url, ".icon-only");
  const pixels = el("span.pixels");
  const node = el("div.tile", {}, wait, copy, pixels);
  let image = null;
  node.addEventListener("click", () => view.open(card.data, index));
  return {
    node,
    paint({ state, word: text, thumb, partial, size }, title) {
      pixels.hidden = !size;
      setText(pixels, size && `${size} px`);
      node.dataset.state = state;
      setText(word, text);
      copy.hidden = state !== "STORED";
      const shown = thumb ?? partial;
      node.classList.toggle("partial", Boolean(!thumb && partial));
      if (!shown) {
        for (const old of node.querySelectorAll(":scope > img")) old.remove();
        image = null;
        node.classList.remove("loaded");
      } else if (image?.src !== shown) {
        const which = `Image ${index + 1} of ${count}${thumb ? "" : ", not yet done"}: ${title}`;
        const next = el("img", { src: shown, alt: which, loading: "lazy", decoding: "async", draggable: "false" });
        next.addEventListener("load", () => {
          if (image !== next) return; // a later one is on its way, and takes all others with it
          node.classList.add("loaded");
          for (const old of node.querySelectorAll(":scope > img")) if (old !== next) old.remove();
        });
        next.addEventListener("error", () => (thumb ? setText(word, "Preview not available") : next.remove()));
        node.prepend(next);
        image = next;
      }
    },
  };
}

/** A card with `node` for the page and `paint` for new facts. */
function makeCard(view, data, single) {
  const card = { data };
  const title = el("button.title", { type: "button" });
  const prompt = el("p.prompt.user-text");
  const madeAs = single ? el("p.made-as.user-text") : null;
  const place = el("p.place"), error = el("p.error");
  const status = pill(data);
  const owner = el("span.owner.user-text"), made = el("span.made"), cost = el("span.cost"), time = el("span.time");
  const meter = el("span.meter", { role: "progressbar", "aria-label": "Progress, an estimate", "aria-valuemin": "0", "aria-valuemax": "100" }, el("span.fill"));
  const tiles = data.images.map((_, index) => makeTile(index, data.images.length, view, card));
  const mosaic = el("div.mosaic", {}, ...tiles.map(({ node }) => node));
  const copy = copyButton("Copy URLs", "Copy all URLs", () => card.data.urls.join("\n"));
  const details = el("button.button.plain", { type: "button" }, "Details");
  const retry = el("button.button", { type: "button" }, icon("retry"), "Retry");
  const cancel = el("button.button.plain", { type: "button" }, "Cancel");
  const heading = el("h2", {}, title);
  const body = el("div.body", {}, el("div.line", {}, heading, status.node), prompt, madeAs, place, error);
  const foot = el("div.foot", {}, el("span.facts", {}, owner, made, single ? cost : null, time), el("span.actions", {}, cancel, retry, copy, details));
  card.node = el(`article.card${single ? ".single" : ""}`, { "data-job": data.id }, mosaic, meter, body, foot);
  for (const button of [title, details]) button.addEventListener("click", () => view.open(card.data, 0));
  for (const button of [retry, cancel]) button.addEventListener("click", () => view.open(card.data, 0, button === retry ? "retry" : "cancel"));

  card.tick = () => {
    setText(time, timeLine(card.data, single));
    setAttribute(time, "title", MOMENT.format(card.data.created));
  };
  card.paint = (next) => {
    card.data = next;
    setText(title, next.title);
    setAttribute(title, "title", next.title);
    setText(prompt, next.prompt);
    if (madeAs) setText(madeAs, next.made_as);
    setText(place, next.place);
    setText(error, next.error);
    status.paint(next);
    owner.hidden = !next.owner;
    setText(owner, next.owner);
    setAttribute(owner, "title", next.owner);
    setText(made, next.made);
    setText(cost, next.cost);
    mosaic.style.setProperty("--share", `${next.share}%`);
    mosaic.style.setProperty("--ratio", next.ratio);
    tiles.forEach((tile, index) => tile.paint(next.images[index], next.title));
    meter.hidden = next.over;
    setAttribute(meter, "aria-valuenow", String(next.percent ?? 0));
    meter.firstChild.style.width = `${Math.max(4, next.percent ?? 0)}%`;
    copy.hidden = next.urls.length === 0;
    copy.rename(next.urls.length > 1 ? `Copy ${next.urls.length} URLs` : "Copy URL", next.urls.length > 1 ? `Copy all ${next.urls.length} URLs` : "Copy the URL");
    retry.hidden = !next.retry;
    cancel.hidden = !next.cancel;
    setAttribute(retry, "aria-label", `Retry ${next.title}`);
    setAttribute(cancel, "aria-label", `Cancel ${next.title}`);
    setAttribute(details, "aria-label", `Details of ${next.title}`);
    card.tick();
  };
  card.focus = () => title.focus();
  if (!single) oneStop(card.node, title);
  card.paint(data);
  return card;
}

/** One Tab leads to the card, the next one to the next card; the arrow keys lead to the buttons of the card. */
function oneStop(node, first) {
  const buttons = () => [...node.querySelectorAll("button")].filter((button) => button.getClientRects().length > 0);
  for (const button of node.querySelectorAll("button")) button.tabIndex = button === first ? 0 : -1;
  first.setAttribute("aria-describedby", "card-keys");
  node.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const all = buttons();
    all.at((all.indexOf(event.target) + by) % all.length).focus();
  });
}
