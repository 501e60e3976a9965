// Which text the fields of the page show, and which of it the server has not stored yet. Each component is a module of
// its own, so what they share hangs on the window.

const FIELDS = (globalThis.studioFields ??= new Map());

/** A field says what it shows: `{text, unsaved, touched}`; undefined once it is gone. */
function tellField(name, state) {
  if (state) FIELDS.set(name, state);
  else FIELDS.delete(name);
  dispatchEvent(new Event("studio-fields"));
}

function isConnected() {
  const app = document.querySelector("[data-test-connection-state]");
  return !app || app.dataset.testConnectionState === "CONNECTED";
}
