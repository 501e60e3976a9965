// What a person did, on its way to the server. Streamlit keeps of several triggers only the last, where they come while
// a page is drawn: so messages are a state, in which each stays until it was heard. The server takes each once.

/** A message that was not heard for so long is not sent again: nobody expects it to be done any more. */
const GIVEN_UP_MS = 10_000;

function makeOutbox() {
  let latest = 0, waiting = [];
  return {
    /** Called whenever the server draws: the number of the last message that it took. */
    heard(number) {
      latest = Math.max(latest, number);
      waiting = waiting.filter((message) => message.number > number);
    },
    put(setStateValue, body) {
      const at = Date.now();
      waiting = waiting.filter((message) => at - message.at < GIVEN_UP_MS);
      waiting.push({ number: ++latest, at, body });
      setStateValue("sent", waiting);
    },
    isWaiting: () => waiting.length > 0,
    /** Take back what was not heard, so that it does not arrive after an outage. */
    giveUp(setStateValue) {
      waiting = [];
      setStateValue("sent", []);
    },
  };
}
