// Part of the document itself, so that it runs before Streamlit. Streamlit follows the system's theme, so the one that
// the reader chose replaces the system's here. The choice is kept in this browser, for all its windows.

/** @import { Theme } from "./types.d.ts" */

const KEY = "studio-theme";
const DARK = "(prefers-color-scheme: dark)";

const ask = window.matchMedia.bind(window);
const system = ask(DARK);
const followed = ask(DARK); // what Streamlit listens to
let theme = kept();

/** @returns {Theme} */
function kept() {
  try {
    const found = localStorage.getItem(KEY);
    return found === "light" || found === "dark" ? found : "system";
  } catch {
    return "system"; // a window without storage
  }
}

/** @param {Theme} next */
function keep(next) {
  try {
    if (next === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // a window without storage
  }
}

function isDark() {
  return theme === "system" ? system.matches : theme === "dark";
}

/** Set the color below the page, until Streamlit paints it. */
function paint() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
}

/** @param {Theme} next */
function change(next) {
  theme = next;
  followed.dispatchEvent(new Event("change"));
}

Object.defineProperty(followed, "matches", { get: isDark });
followed.addEventListener("change", paint);
window.matchMedia = (query) => (query === DARK ? followed : ask(query));
addEventListener("storage", ({ key }) => {
  if (key === KEY || key === null) change(kept());
});
globalThis.studioTheme = {
  get chosen() {
    return theme;
  },
  choose(next) {
    keep(next);
    change(next);
  },
};
paint();
