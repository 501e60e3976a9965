// The texts that the fields of the page show, and which the server has not stored yet. Each component is a module of
// its own, so what they share is on the window.

/** @import { FieldState } from "./types.d.ts" */

globalThis.studioFields ??= new Map();

/**
 * Record what a field shows.
 *
 * @param {string} name
 * @param {FieldState} [state] undefined once it is gone
 */
export function tellField(name, state) {
  if (state) globalThis.studioFields.set(name, state);
  else globalThis.studioFields.delete(name);
  dispatchEvent(new Event("studio-fields"));
}

/**
 * Return what a field shows, or undefined if it is not there.
 *
 * @param {string} name
 */
export function fieldState(name) {
  return globalThis.studioFields.get(name);
}

export function isAnyUnsaved() {
  return [...globalThis.studioFields.values()].some(({ unsaved }) => unsaved);
}

/** Return the element on which Streamlit writes the state of its connection. */
export function connectionNode() {
  return /** @type {HTMLElement | null} */ (document.querySelector("[data-test-connection-state]"));
}

export function isConnected() {
  const app = connectionNode();
  return !app || app.dataset.testConnectionState === "CONNECTED";
}
