// Who is signed in, and the way out. Every refresh tells that they still are; once none comes, it asks.

const QUIET_MS = 20_000;

export default function ({ data, parentElement }) {
  const view = viewOf(parentElement, () => {
    const name = el("span.name.user-text");
    const out = el("a", { href: "/auth/sign-out", target: "_self" }, "Sign out");
    parentElement.append(el("div.root.account", {}, name, out));
    return { name, out, timer: null };
  });
  async function ask() {
    const answer = await fetch("/image/me").catch(() => null);
    if (answer?.status === 401) leave();
    else view.timer = setTimeout(ask, QUIET_MS);
  }
  clearTimeout(view.timer);
  setText(view.name, data.name);
  view.out.hidden = !data.may_sign_out;
  if (data.is_signed_out) return leave();
  view.timer = setTimeout(ask, QUIET_MS);
  return () => clearTimeout(view.timer);
}

/** The gate leads to the sign-in, and back to this page afterwards. */
function leave() {
  location.reload();
}
