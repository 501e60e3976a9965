// Who is signed in, and the way out. Every refresh shows that they still are; without one, this asks the server.

/** @import { Mounted, Parent } from "./types.d.ts" */
import { el, setText, viewOf } from "./common.js";

const QUIET_MS = 20_000;

/** @param {Parent} parent */
function makeAccount(parent) {
  const name = el("span.name.user-text");
  const out = el("a", { href: "/auth/sign-out", target: "_self" }, "Sign out");
  parent.append(el("div.root.account", {}, name, out));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  async function ask() {
    const answer = await fetch("/image/me").catch(() => null);
    if (answer?.status === 401) leave();
    else wait();
  }
  function wait() {
    timer = setTimeout(ask, QUIET_MS);
  }
  return { name, out, wait, stop: () => clearTimeout(timer) };
}

/** @param {Mounted<{ name: string, is_signed_out: boolean, may_sign_out: boolean }>} mounted */
export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => makeAccount(parentElement));
  view.stop();
  setText(view.name, data.name);
  view.out.hidden = !data.may_sign_out;
  if (data.is_signed_out) leave();
  else view.wait();
  return view.stop;
}

/** Reload: the gate leads to the sign-in, and back to this page afterwards. */
function leave() {
  location.reload();
}
