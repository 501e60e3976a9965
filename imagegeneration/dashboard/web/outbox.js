// What a person did, on its way to the server. Streamlit keeps of several triggers only the last, where they come while
// a page is drawn: so messages are a state, in which each stays until it was heard. The server takes each once.

/** @import { Send } from "./types.d.ts" */

/** A message that was not heard for so long is not sent again: nobody expects it to be done any more. */
export const GIVEN_UP_MS = 10_000;

export function makeOutbox() {
  let latest = 0;
  /** @type {{ number: number, at: number, body: unknown }[]} */
  let waiting = [];
  return {
    /**
     * Called whenever the server draws.
     *
     * @param {number} number the last message that it took
     */
    heard(number) {
      latest = Math.max(latest, number);
      waiting = waiting.filter((message) => message.number > number);
    },
    /**
     * @param {Send} setStateValue
     * @param {unknown} body
     */
    put(setStateValue, body) {
      const at = Date.now();
      waiting = waiting.filter((message) => at - message.at < GIVEN_UP_MS);
      latest += 1;
      waiting.push({ number: latest, at, body });
      setStateValue("sent", waiting);
    },
    isWaiting: () => waiting.length > 0,
    /**
     * Take back what was not heard, so that it does not arrive after an outage.
     *
     * @param {Send} setStateValue
     */
    giveUp(setStateValue) {
      waiting = [];
      setStateValue("sent", []);
    },
  };
}
