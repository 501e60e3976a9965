// What changed on a page that refreshes, in words for readers who do not see it.

/** @import { GalleryData } from "./jobs.d.ts" */
/** @import { Shown } from "./types.d.ts" */
import { el } from "./common.js";

/**
 * Return what changed since the last time, in words: another list, a new job, another status.
 *
 * @param {Shown | undefined} before undefined when the page was just opened: that is no news
 * @param {Pick<GalleryData, "cards" | "page" | "empty">} now
 */
export function changesSince(before, { cards, page, empty }) {
  if (!before) return "";
  if (before.page !== page) return empty?.title ?? `${cards.length} ${cards.length === 1 ? "job" : "jobs"}`;
  return cards
    .filter(({ id, status }) => before.known.get(id) !== status)
    .map(({ id, title, status }) => `${before.known.has(id) ? "" : "New job: "}${title}, ${status}`)
    .join(". ");
}

/** A polite live region, and what each kind of gallery showed last. Streamlit may make a gallery anew: what changed then is news all the same. */
export function makeNews() {
  globalThis.studioShown ??= new Map();
  return {
    node: el("p.visually-hidden", { role: "status" }),
    /** @param {GalleryData} data */
    of(data) {
      const changed = changesSince(globalThis.studioShown.get(data.mode), data);
      const known = new Map(data.cards.map(({ id, status }) => [id, status]));
      globalThis.studioShown.set(data.mode, { page: data.page, known });
      return changed;
    },
  };
}
