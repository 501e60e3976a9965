// What the user typed, as text.

/** @import { Mounted } from "./types.d.ts" */
import { el, setText, viewOf } from "./common.js";

/** @param {Mounted<{ intent: string, prompt: string }>} mounted */
export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => {
    const intent = el("dd.user-text.intent");
    const prompt = el("dd.user-text.prompt", { tabIndex: 0 });
    const names = ["Intent", "What you typed", "What changed"].map((name) => el("dt", {}, name));
    const [first, second, third] = names;
    parentElement.append(el("div.root.typed", {}, el("dl", {}, first, intent, second, prompt, third)));
    return { intent, prompt };
  });
  setText(view.intent, data.intent);
  setText(view.prompt, data.prompt);
}
