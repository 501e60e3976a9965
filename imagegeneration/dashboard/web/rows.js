// Sections of rows. A row is made once and then patched, so that a form in it, its focus and its text stay.

/** @import { Answer, Details, Fact, Line, Order, Row, Section, Time } from "./types.d.ts" */
import { makeActions } from "./ask.js";
import { el, setAttribute, setText } from "./common.js";
import { makeList } from "./list.js";
import { pill } from "./pill.js";
import { moment, whenText } from "./time.js";

/** The moments that `time` elements show. @type {WeakMap<Element, Time>} */
const times = new WeakMap();

/**
 * Rewrite all times below `root`.
 *
 * @param {Element} root
 * @param {number} skew how far this clock is ahead of the server's, in milliseconds
 */
export function tickTimes(root, skew) {
  for (const node of root.querySelectorAll("time")) {
    const time = times.get(node);
    if (time) setText(node, whenText(time, skew));
  }
}

/** @param {Line} line */
function pieces(line) {
  return line.map((piece) => {
    if (typeof piece === "string") return piece;
    const node = el("time", { title: moment(piece.at) });
    times.set(node, piece);
    return node;
  });
}

/** @param {Fact} fact */
function factNode({ label, value, tone, note }) {
  const shown = el(`dd.${tone}.user-text`, {}, ...pieces(value));
  return el("div", {}, el("dt", {}, label), shown, note ? el("dd.note.user-text", {}, note) : null);
}

/** @param {Details["changes"][number]} change */
function changeNode({ label, before, after }) {
  const values = el(
    "td.user-text",
    {},
    before ? el("del", {}, before) : null,
    " ",
    after ? el("ins", {}, after) : null,
  );
  return el("tr", {}, el("th", { scope: "row" }, label), values);
}

/** @param {Details} details */
function detailNodes({ facts, changes }) {
  const list = el("dl.facts", {}, ...facts.map(factNode));
  if (changes.length === 0) return [list];
  return [list, el("table", {}, el("caption", {}, "What changed"), el("tbody", {}, ...changes.map(changeNode)))];
}

/**
 * @param {(order: Order) => void} act
 * @param {(name: string) => void} jump
 */
function makeRow(act, jump) {
  const title = el("h3.user-text");
  const aside = el("span.aside");
  const state = pill();
  const head = el("div.line", {}, title, state.node, aside);
  const body = el("div.said");
  const shares = [el("span.spent"), el("span.held")];
  const bar = el("div.bar", { hidden: true }, ...shares);
  const facts = el("dl.facts");
  const links = el("div.links");
  const actions = makeActions(act);
  const go = el("button.button", { type: "button" }, "Look at it");
  const more = el("div.more");
  const details = el("details", { hidden: true }, el("summary", {}, "Details"), more);
  const text = el("div.text", {}, head, bar, facts, body, links, details);
  const node = el("div.item", {}, text, go, actions.node);
  let drawn = "";
  /** @type {string | null} */
  let target = null;
  let isOver = false;
  go.addEventListener("click", () => target && jump(target));

  /** @param {Row} row */
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
    shares.forEach((share, index) => {
      share.style.width = `${100 * (row.bar?.[index] ?? 0)}%`;
    });
  }
  return {
    node,
    actions,
    /** Return whether an action that was being asked about was no longer possible at the last paint. */
    get isOver() {
      return isOver;
    },
    /** @param {Row} row */
    paint(row) {
      isOver = actions.paint(row.actions);
      const now = JSON.stringify({ ...row, actions: null });
      if (now !== drawn) draw(row);
      drawn = now;
    },
  };
}

/**
 * @param {Section} section
 * @param {(order: Order) => void} act
 * @param {(name: string) => void} jump
 */
export function makeSection(section, act, jump) {
  const title = el("h2", { id: `section-${section.name}`, tabIndex: -1 });
  const about = el("span.about");
  const items = el("div.items");
  const empty = el("p.empty");
  const more = makeActions(act);
  const header = el("header", {}, title, about);
  const node = el(`section.${section.name}`, { "aria-labelledby": title.id }, header, items, empty, more.node);
  const list = makeList(
    items,
    (/** @type {Row} */ _row) => makeRow(act, jump),
    ({ key }) => key,
  );
  const rows = () => [...list.items.values()];
  return {
    node,
    focus() {
      node.scrollIntoView({ block: "start", behavior: "smooth" });
      title.focus({ preventScroll: true });
    },
    /** @param {Answer} answer */
    answered: (answer) => rows().some(({ actions }) => actions.answered(answer)),
    /**
     * Show these rows. Return true if an action that was being asked about is no longer possible.
     *
     * @param {Section} next
     */
    paint(next) {
      setText(title, next.title);
      setText(about, next.about);
      setText(empty, next.empty);
      empty.hidden = next.rows.length > 0;
      node.classList.toggle("none", next.rows.length === 0);
      more.paint(next.more ? [next.more] : []);
      let isOver = false;
      list.paint(next.rows, ({ actions }) => {
        isOver = actions.paint([]) || isOver;
      });
      return isOver || rows().some((row) => row.isOver);
    },
  };
}
