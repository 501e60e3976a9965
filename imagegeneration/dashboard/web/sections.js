// A page of sections, and the result of the last order.

/** @import { Answer, Mounted, Order, Parent, Section, SectionsData, Send, Tone } from "./types.d.ts" */
import { el, focused, icon, setText, viewOf } from "./common.js";
import { makeOutbox } from "./outbox.js";
import { makeSection, tickTimes } from "./rows.js";

const ANSWER_MS = 8000;
const MOST_TITLES = 3;

/** @type {{ tone: Tone, title: string, text: string }} */
const DECIDED_ELSEWHERE = {
  tone: "neutral",
  title: "That was decided elsewhere meanwhile.",
  text: "Nothing was done here.",
};

/**
 * Return the content of a section in words.
 *
 * @param {Pick<Section, "rows" | "empty">} section
 */
export function contents({ rows, empty }) {
  if (rows.length > MOST_TITLES) return `${rows.length}`;
  return rows.map(({ title }) => title).join(". ") || empty;
}

/** Make the message about the last order, at the foot of the page; a refusal stays until it is closed. */
function makeReply() {
  const words = el("p");
  const close = el(
    "button.button.plain.icon-only",
    { type: "button", "aria-label": "Close", title: "Close" },
    icon("close"),
  );
  const node = el("div.reply", { role: "status", tabIndex: -1, hidden: true }, words, close);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  function hide() {
    node.hidden = true;
  }
  close.addEventListener("click", hide);
  return {
    node,
    /** @param {Pick<Answer, "tone" | "title" | "text">} answer */
    say({ tone, title, text }) {
      node.className = `reply ${tone}`;
      node.hidden = false;
      words.replaceChildren(el("b", {}, title), " ", text);
      if (!focused(node)) node.focus({ preventScroll: true }); // what had the focus is gone
      clearTimeout(timer);
      if (tone !== "bad") timer = setTimeout(hide, ANSWER_MS);
    },
  };
}

/** @param {Parent} parent */
function makeSections(parent) {
  const notice = el("p.notice", { role: "status" });
  const body = el("div.body");
  const reply = makeReply();
  const told = el("p.visually-hidden", { role: "status" });
  const root = el("div.root.sections", {}, notice, told, body, reply.node);
  const outbox = makeOutbox();
  /** @type {Map<string, ReturnType<typeof makeSection>>} */
  const sections = new Map();
  /** @type {number | null} */
  let answered = null;
  let skew = 0;
  /** @type {string | null} */
  let known = null;
  /** @type {(message: Order) => void} */
  let send = () => {};
  parent.append(root);

  /**
   * Announce what is new in the first, most important section to readers who do not see it.
   *
   * @param {Section | undefined} section
   */
  function tell(section) {
    if (!section) return;
    const now = contents(section);
    if (known !== null && known !== now) setText(told, `${section.title}: ${now}`);
    known = now;
  }
  /** @param {string} name */
  const jump = (name) => sections.get(name)?.focus();

  /** @param {Section} section */
  function sectionOf(section) {
    const found = sections.get(section.name);
    if (found) return found;
    const made = makeSection(section, (order) => send(order), jump);
    sections.set(section.name, made);
    body.append(made.node);
    return made;
  }
  /**
   * @param {Answer | null} answer
   * @param {boolean} isOver an action that was being asked about is no longer possible
   */
  function sayAnswer(answer, isOver) {
    const isNew = answer !== null && answered !== null && answer.number !== answered;
    answered = answer?.number ?? 0;
    if (!isNew) {
      if (isOver) reply.say(DECIDED_ELSEWHERE);
    } else if (![...sections.values()].some((section) => section.answered(answer))) {
      reply.say(answer);
    }
  }
  const tick = () => tickTimes(root, skew);
  const ticking = setInterval(tick, 1000);
  return {
    /**
     * @param {SectionsData} data
     * @param {Send} setStateValue
     */
    paint(data, setStateValue) {
      outbox.heard(data.heard);
      send = (body) => outbox.put(setStateValue, body);
      skew = Date.now() - data.at;
      setText(notice, data.notice);
      tell(data.sections[0]);
      const over = data.sections.map((section) => sectionOf(section).paint(section));
      sayAnswer(data.answer, over.includes(true));
      tick();
    },
    end: () => clearInterval(ticking),
  };
}

/** @param {Mounted<SectionsData>} mounted */
export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => makeSections(parentElement));
  view.paint(data, setStateValue);
  return view.end;
}
