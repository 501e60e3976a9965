// A text that is sent until the server has stored it. What was typed outranks what the server says until the
// server has stored it.

/** @import { EditorData } from "./types.d.ts" */

export const AGAIN_MS = 2000;

/** @param {string} stored what the server has */
export function makeSync(stored) {
  /** @type {string | null} */
  let session = null;
  /** @type {number | null} */
  let revision = null;
  /** @type {string | null} */
  let sent = null;
  let number = 0;
  let sentAt = 0;
  let heard = 0;
  let isKept = true;

  /** @param {string} text */
  function isUnsaved(text) {
    const isKnown = text === stored || (text === sent && heard >= number);
    return !isKnown || !isKept;
  }
  return {
    isUnsaved,
    /**
     * Return the text to show. What the server says counts only if it has taken everything typed.
     *
     * @param {EditorData} data
     * @param {string} shown what the field shows
     * @param {string | null} kept what was typed in this window before a reload, and not stored
     */
    choose(data, shown, kept) {
      if (session === null) return kept ?? data.text;
      if (session !== data.session) return isUnsaved(shown) ? shown : data.text; // the server forgot this page
      return revision !== data.revision && data.heard >= number ? data.text : shown;
    },
    /**
     * Accept what the server says.
     *
     * @param {EditorData} data
     */
    hear(data) {
      if (session !== data.session) sentAt = 0;
      ({ session, revision, heard } = data);
      stored = data.text;
      isKept = data.stored;
    },
    /**
     * Return how long to wait before this text is sent again, in milliseconds, while it is on its way.
     *
     * @param {string} text
     */
    wait(text) {
      return text === sent ? Math.max(0, sentAt + AGAIN_MS - Date.now()) : 0;
    },
    /**
     * Return the message that carries the text. Numbers grow, also over a reload.
     *
     * @param {string} text
     */
    message(text) {
      sent = text;
      sentAt = Date.now();
      number = Math.max(sentAt, number + 1);
      return { text, number };
    },
  };
}
