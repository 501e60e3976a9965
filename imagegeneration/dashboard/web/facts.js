// Facts as lists of label and value, each value as text.

const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

function factValue({ label, value, kind, thumb }) {
  if (kind === "image") {
    return el("a.picture", { href: value, target: "_blank", rel: "noopener noreferrer", "aria-label": `${label}: open the full image` }, el("img", { src: thumb, alt: "", loading: "lazy" }));
  }
  if (kind === "time") return el("span", { title: new Date(value).toISOString() }, EXACT.format(value));
  if (kind === "code") return el("span.code", {}, el("code", { title: value }, value), copyButton("", `Copy ${label}`, () => value, ".icon-only.plain"));
  if (kind === "text") {
    return el("div.block", {}, el("div.user-text", { tabIndex: 0, role: "region", "aria-label": label }, value), copyButton("", `Copy ${label}`, () => value, ".icon-only.plain"));
  }
  return el(`span${kind === "bad" ? ".bad" : ""}`, {}, value);
}

function factList(rows) {
  return el("dl.facts", {}, ...rows.flatMap((row) => [
    el(`dt${row.kind === "text" ? ".wide" : ""}`, {}, row.label),
    el(`dd${row.kind === "text" ? ".wide" : ""}`, {}, factValue(row)),
  ]));
}

/** Sections that are made again only when their facts changed: a selection or a scroll position stays otherwise. */
function sectionList(parent) {
  let known = [];
  return (sections) => {
    known.splice(sections.length).forEach(({ node }) => node.remove());
    sections.forEach((section, index) => {
      const text = JSON.stringify(section);
      if (known[index]?.text === text) return;
      const node = el("section", {}, el("h3", {}, section.title), factList(section.rows));
      if (known[index]) known[index].node.replaceWith(node);
      else parent.append(node);
      known[index] = { text, node };
    });
  };
}
