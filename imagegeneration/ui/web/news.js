// What changed on a page that draws itself anew, in words for those who do not see it.

/** A polite live region. It has nothing to say of what was there when the page was opened. */
function makeNews() {
  const node = el("p.visually-hidden", { role: "status" });
  let known = null, place = null;
  return {
    node,
    /** Return what changed since the last time, in words: another list, a new job, another status. */
    of(cards, page, empty) {
      const before = known, isSame = place === page;
      known = new Map(cards.map(({ id, status }) => [id, status]));
      place = page;
      if (before === null) return "";
      if (!isSame) return empty?.title ?? `${cards.length} ${cards.length === 1 ? "job" : "jobs"}`;
      return cards.filter(({ id, status }) => before.get(id) !== status)
        .map(({ id, title, status }) => `${before.has(id) ? "" : "New job: "}${title}, ${status}`).join(". ");
    },
  };
}
