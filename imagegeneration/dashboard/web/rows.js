// Sections of rows. A row is made once and then patched, so that a form in it, its focus and its text stay.

/** Moments that go on ticking: `skew` is how far this clock is ahead of the server's. */
function whenText({ at, how }, skew) {
  const seconds = Math.round((Date.now() - skew - at) / 1000);
  if (how === "for") return span(seconds);
  if (how === "until") return seconds < -2 * 86400 ? `in ${Math.round(-seconds / 86400)} days, on ${DAY.format(at)}` : seconds < 0 ? `in ${span(-seconds)}` : "now";
  return seconds < 1 ? "now" : seconds < 86400 ? `${span(seconds)} ago` : DAY.format(at);
}

function pieces(line) {
  return line.map((piece) => {
    if (typeof piece === "string") return piece;
    const node = el("time", { title: MOMENT.format(piece.at) });
    node.when = piece;
    return node;
  });
}

function factNode({ label, value, tone, note }) {
  return el("div", {}, el("dt", {}, label), el(`dd.${tone}.user-text`, {}, ...pieces(value)), note ? el("dd.note.user-text", {}, note) : null);
}

function detailNodes({ facts, changes }) {
  const rows = changes.map(({ label, before, after }) => el("tr", {}, el("th", { scope: "row" }, label),
    el("td.user-text", {}, before ? el("del", {}, before) : null, " ", after ? el("ins", {}, after) : null)));
  return [
    el("dl.facts", {}, ...facts.map(factNode)),
    rows.length ? el("table", {}, el("caption", {}, "What changed"), el("tbody", {}, ...rows)) : "",
  ];
}

function makeRow(act, jump) {
  const title = el("h3.user-text"), aside = el("span.aside"), state = pill({ status: "", tone: "neutral" });
  const head = el("div.line", {}, title, state.node, aside);
  const body = el("div.said"), bar = el("div.bar", { hidden: true }, el("span.spent"), el("span.held"));
  const facts = el("dl.facts"), links = el("div.links");
  const actions = makeActions(act);
  const go = el("button.button", { type: "button" }, "Look at it");
  const more = el("div.more"), details = el("details", { hidden: true }, el("summary", {}, "Details"), more);
  const node = el("div.item", {}, el("div.text", {}, head, bar, facts, body, links, details), go, actions.node);
  let drawn = "", target = null;
  go.addEventListener("click", () => jump(target));
  return {
    node,
    actions,
    paint(row) {
      const over = actions.paint(row.actions);
      const now = JSON.stringify({ ...row, actions: null });
      if (now !== drawn) draw(row);
      drawn = now;
      return over;
    },
  };
  function draw(row) {
    target = row.jump;
    go.hidden = !row.jump;
    setAttribute(go, "aria-label", `Look at it: ${row.title}`);
    head.hidden = !row.title;
    setText(title, row.title);
    setText(aside, row.aside);
    state.node.hidden = !row.pill;
    if (row.pill) state.paint({ status: row.pill[0], tone: row.pill[1] });
    body.replaceChildren(...row.lines.map((line) => el("p.user-text", {}, ...pieces(line))));
    facts.replaceChildren(...row.facts.map(factNode));
    links.replaceChildren(...row.links.map(({ label, href }) => el("a.user-text", { href, target: "_self" }, label)));
    details.hidden = !row.details;
    more.replaceChildren(...(row.details ? detailNodes(row.details) : []));
    bar.hidden = !row.bar;
    row.bar?.forEach((share, index) => { bar.children[index].style.width = `${100 * share}%`; });
  }
}

function makeSection(section, act, jump) {
  const title = el("h2", { id: `section-${section.name}`, tabIndex: -1 }), about = el("span.about");
  const list = el("div.items"), empty = el("p.empty"), more = makeActions(act);
  const node = el(`section.${section.name}`, { "aria-labelledby": title.id }, el("header", {}, title, about), list, empty, more.node);
  const rows = new Map();
  return {
    node,
    focus() {
      node.scrollIntoView({ block: "start", behavior: "smooth" });
      title.focus({ preventScroll: true });
    },
    answered: (answer) => [...rows.values()].some(({ actions }) => actions.answered(answer)),
    paint(next) {
      setText(title, next.title);
      setText(about, next.about);
      setText(empty, next.empty);
      empty.hidden = next.rows.length > 0;
      node.classList.toggle("none", next.rows.length === 0);
      more.paint(next.more ? [next.more] : []);
      const wanted = new Set(next.rows.map(({ key }) => key));
      let over = false;
      for (const [key, row] of rows) {
        if (wanted.has(key)) continue;
        over = row.actions.paint([]) || over;
        row.node.remove();
        rows.delete(key);
      }
      next.rows.forEach((facts, position) => {
        if (!rows.has(facts.key)) rows.set(facts.key, makeRow(act, jump));
        const row = rows.get(facts.key);
        over = row.paint(facts) || over;
        if (list.children[position] !== row.node) list.insertBefore(row.node, list.children[position] ?? null);
      });
      return over;
    },
  };
}
