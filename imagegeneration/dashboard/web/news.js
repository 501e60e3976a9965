// What changed on a page that draws itself anew, in words for those who do not see it.

/** What each kind of gallery showed last. Streamlit may make a gallery anew: what changed then is news all the same. */
const lastShown = (globalThis.studioShown ??= new Map());

/** A polite live region. It has nothing to say of what was there when the page was opened. */
function makeNews() {
  return {
    node: el("p.visually-hidden", { role: "status" }),
    /** Return what changed since the last time, in words: another list, a new job, another status. */
    of({ mode, cards, page, empty }) {
      const { known: before, page: place } = lastShown.get(mode) ?? {}, isSame = place === page;
      lastShown.set(mode, { page, known: new Map(cards.map(({ id, status }) => [id, status])) });
      if (!before) return "";
      if (!isSame) return empty?.title ?? `${cards.length} ${cards.length === 1 ? "job" : "jobs"}`;
      return cards.filter(({ id, status }) => before.get(id) !== status)
        .map(({ id, title, status }) => `${before.has(id) ? "" : "New job: "}${title}, ${status}`).join(". ");
    },
  };
}
