// Copying, with a way for pages without a secure context, and feedback that is seen and heard.

const SHOWN_MS = 1600;

/** Put text on the clipboard. `inside` is a node that is not inert, for the way without the clipboard API. */
async function copyText(text, inside) {
  try {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch { /* not allowed: the other way */ }
  const area = el("textarea.visually-hidden", { readOnly: true, tabIndex: -1 });
  area.value = text;
  inside.append(area);
  const before = inside.getRootNode().activeElement;
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  before?.focus({ preventScroll: true });
  return copied;
}

/** A button that copies what `text()` gives, and says so. With `label` empty it is an icon named `name`. */
function copyButton(label, name, text, style = "") {
  const words = label ? el("span", {}, label) : null;
  const glyph = el("span.glyph", {}, icon("copy"));
  const said = el("span.visually-hidden", { role: "status" });
  const button = el(`button.button.copy${style}`, { type: "button", title: name, "aria-label": name }, glyph, words);
  const wrapper = el("span.copying", {}, button, said);
  let timer = null;
  button.addEventListener("click", async (event) => {
    event.stopPropagation();
    const copied = await copyText(text(), wrapper);
    const message = copied ? "Copied" : "Not copied";
    button.classList.toggle("done", copied);
    glyph.replaceChildren(icon(copied ? "check" : "alert"));
    if (words) setText(words, message);
    setText(said, message);
    button.dataset.copied = String(copied);
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.classList.remove("done");
      delete button.dataset.copied;
      glyph.replaceChildren(icon("copy"));
      if (words) setText(words, wrapper.label ?? label);
      setText(said, "");
    }, SHOWN_MS);
  });
  wrapper.rename = (text, full) => {
    wrapper.label = text;
    if (words && !button.dataset.copied) setText(words, text);
    setAttribute(button, "aria-label", full);
    setAttribute(button, "title", full);
  };
  return wrapper;
}
