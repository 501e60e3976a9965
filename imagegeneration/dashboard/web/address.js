// The open job in the page's address, as `job`. Opening one adds a step to the browser's history, closing goes back.

/**
 * Return the address with this job open, or with none.
 *
 * @param {string} address
 * @param {string | null} id
 */
export function withJob(address, id) {
  const url = new URL(address);
  if (id) url.searchParams.set("job", id);
  else url.searchParams.delete("job");
  return url.href;
}

/**
 * Return the job that an address opens, or null.
 *
 * @param {string} address
 */
export function jobOf(address) {
  return new URL(address).searchParams.get("job");
}

export function makeAddress() {
  let isOwn = false; // the step in the history is ours, so that the way back leads to the page as it was before

  return {
    isUsed: false,
    /** @param {string} id */
    add(id) {
      const open = jobOf(location.href);
      if (!this.isUsed || open === id) return;
      if (open !== null) {
        history.replaceState({}, "", withJob(location.href, id)); // from one job to the next
        return;
      }
      isOwn = true;
      history.pushState({}, "", withJob(location.href, id));
    },
    remove() {
      if (!this.isUsed || jobOf(location.href) === null) return;
      if (isOwn) goBack();
      else history.replaceState({}, "", withJob(location.href, null));
      isOwn = false;
    },
    /** Note that the server said which job is open: the step in the history is no longer ours. */
    follow() {
      isOwn = false;
    },
  };
}

/** Go back unseen by Streamlit, which would run the whole page: the server gets a message instead. */
function goBack() {
  addEventListener("popstate", (event) => event.stopImmediatePropagation(), { capture: true, once: true });
  history.back();
}
