// Facts as lists of label and value, each value as text.

/** @import { Facts, JobFact } from "./jobs.d.ts" */
import { copyButton } from "./clipboard.js";
import { el } from "./common.js";

const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** @param {JobFact} fact */
function factValue({ label, value, kind, thumb }) {
  const text = String(value);
  const copy = () => copyButton("", `Copy ${label}`, () => text, ".icon-only.plain").node;
  switch (kind) {
    case "image":
      return el(
        "a.picture",
        { href: text, target: "_blank", rel: "noopener noreferrer", "aria-label": `${label}: open the full image` },
        el("img", { src: thumb, alt: "", loading: "lazy" }),
      );
    case "time":
      return el("span", { title: new Date(value).toISOString() }, EXACT.format(Number(value)));
    case "code":
      return el("span.code", {}, el("code", { title: text }, text), copy());
    case "text":
      return el(
        "div.block",
        {},
        el("div.user-text", { tabIndex: 0, role: "region", "aria-label": label }, text),
        copy(),
      );
    default:
      return el(`span${kind === "bad" ? ".bad" : ""}`, {}, text);
  }
}

/** @param {JobFact[]} rows */
function factList(rows) {
  const nodes = rows.flatMap((row) => {
    const wide = row.kind === "text" ? ".wide" : "";
    return [el(`dt${wide}`, {}, row.label), el(`dd${wide}`, {}, factValue(row))];
  });
  return el("dl.facts", {}, ...nodes);
}

/**
 * Make sections that are replaced only when their facts changed: otherwise selection and scroll position stay.
 *
 * @param {Element} parent
 */
export function sectionList(parent) {
  /** @type {{ text: string, node: Element }[]} */
  const known = [];
  /** @param {Facts[]} sections */
  return (sections) => {
    for (const { node } of known.splice(sections.length)) node.remove();
    sections.forEach((section, index) => {
      const text = JSON.stringify(section);
      const before = known[index];
      if (before?.text === text) return;
      const node = el("section", {}, el("h3", {}, section.title), factList(section.rows));
      if (before) before.node.replaceWith(node);
      else parent.append(node);
      known[index] = { text, node };
    });
  };
}
