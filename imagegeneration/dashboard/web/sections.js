// A page of sections, and what became of the last order.

const ANSWER_MS = 8000;
const DECIDED_ELSEWHERE = { tone: "neutral", title: "That was decided elsewhere meanwhile.", text: "Nothing was done here." };

function makeSections(parent) {
  const notice = el("p.notice", { role: "status" });
  const body = el("div.body");
  const words = el("p", {}), close = el("button.button.plain.icon-only", { type: "button", "aria-label": "Close", title: "Close" }, icon("close"));
  const answer = el("div.reply", { role: "status", tabIndex: -1, hidden: true }, words, close);
  const told = el("p.visually-hidden", { role: "status" });
  const root = el("div.root.sections", {}, notice, told, body, answer);
  const sections = new Map();
  const view = { outbox: makeOutbox(), number: null, skew: 0 };
  let timer = null, known = null;
  parent.append(root);

  /** Say what is new in the first section, which the page is about, to those who do not see it. */
  function tell({ title, rows, empty }) {
    const now = rows.length > 3 ? `${rows.length}` : rows.map((row) => row.title).join(". ") || empty;
    if (known !== null && known !== now) setText(told, `${title}: ${now}`);
    known = now;
  }

  function say({ tone, title, text }) {
    answer.className = `reply ${tone}`;
    answer.hidden = false;
    words.replaceChildren(el("b", {}, title), " ", text);
    if (!root.getRootNode().activeElement) answer.focus({ preventScroll: true }); // what had the focus is gone
    clearTimeout(timer);
    if (tone !== "bad") timer = setTimeout(() => { answer.hidden = true; }, ANSWER_MS);
  }
  close.addEventListener("click", () => { answer.hidden = true; });
  const act = (message) => view.send(message);
  const jump = (name) => sections.get(name)?.focus();

  view.paint = (data) => {
    view.skew = Date.now() - data.at;
    setText(notice, data.notice);
    let over = false;
    if (data.sections.length) tell(data.sections[0]);
    for (const section of data.sections) {
      if (!sections.has(section.name)) {
        const made = makeSection(section, act, jump);
        sections.set(section.name, made);
        body.append(made.node);
      }
      over = sections.get(section.name).paint(section) || over;
    }
    const isNew = data.answer && view.number !== null && data.answer.number !== view.number;
    view.number = data.answer?.number ?? 0;
    if (isNew && ![...sections.values()].some((section) => section.answered(data.answer))) say(data.answer);
    else if (over && !isNew) say(DECIDED_ELSEWHERE);
    view.tick();
  };
  view.tick = () => {
    for (const node of root.querySelectorAll("time")) setText(node, whenText(node.when, view.skew));
  };
  const ticking = setInterval(view.tick, 1000);
  view.end = () => clearInterval(ticking);
  return view;
}

export default function ({ data, parentElement, setStateValue }) {
  const view = viewOf(parentElement, () => makeSections(parentElement));
  view.outbox.heard(data.heard);
  view.send = (body) => view.outbox.put(setStateValue, body);
  view.paint(data);
  return view.end;
}
