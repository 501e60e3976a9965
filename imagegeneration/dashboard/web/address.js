// The open job in the page's address, as `job`. To open one is one step of the browser's history, to close it the way back.

function makeAddress() {
  let isOwn = false; // the step in the history is ours, so that the way back leads to the page as it was before

  function change(id) {
    const url = new URL(location.href);
    if (id) url.searchParams.set("job", id);
    else url.searchParams.delete("job");
    return url;
  }
  return {
    isUsed: false,
    add(id) {
      if (!this.isUsed || isOpen(id)) return;
      if (isOpen()) return history.replaceState({}, "", change(id)); // from one job to the next
      isOwn = true;
      history.pushState({}, "", change(id));
    },
    remove() {
      if (!this.isUsed || !isOpen()) return;
      if (isOwn) goBack();
      else history.replaceState({}, "", change(null));
      isOwn = false;
    },
    /** The server has said which job is open: whether one is, is not our step any more. */
    follow() {
      isOwn = false;
    },
  };
  /** The server hears of it by a message. Streamlit need not: it would run the whole page beside that. */
  function goBack() {
    addEventListener("popstate", (event) => event.stopImmediatePropagation(), { capture: true, once: true });
    history.back();
  }
  function isOpen(id) {
    const open = new URLSearchParams(location.search).get("job");
    return id === undefined ? open !== null : open === id;
  }
}
