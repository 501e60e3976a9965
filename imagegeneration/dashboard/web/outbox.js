// What a user did, on its way to the server. If several triggers come while a page is drawn, Streamlit keeps the last
// only. So messages are a state, in which each stays until the server has taken it. The server takes each once.

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
     * Take back what the server has not taken, so that it does not arrive after an outage.
     *
     * @param {Send} setStateValue
     */
    giveUp(setStateValue) {
      waiting = [];
      setStateValue("sent", []);
    },
  };
}
