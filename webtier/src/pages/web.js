/**
 * Keeps our own pages fresh: lists of the agent's home, and waiting for a session; sends the form that opens one on
 * another domain. They work without it too.
 */
"use strict";

(() => {
  const EVERY_MS = 2000;
  const FIRST_MS = 250;
  const again = document.querySelector('meta[name="again"]')?.content;
  const lists = document.querySelectorAll("[data-fresh]");

  // A session on a server of another domain: the form carries the way in.
  document.querySelector("form[data-submit]")?.submit();

  /** What we wait for is there when the answer is no longer this page. */
  async function look() {
    const answer = await fetch(again, { redirect: "manual", cache: "no-store" });
    if (answer.ok && !answer.redirected) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (page.querySelector('meta[name="again"]')) return;
    }
    window.location.replace(again);
  }

  /** The lists as they are now; nothing is touched where nothing has changed, or while somebody is in it. */
  async function refresh() {
    const answer = await fetch(window.location.href, { redirect: "error", cache: "no-store" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const list of lists) {
      const fresh = page.querySelector(`[data-fresh="${list.dataset.fresh}"]`);
      if (!fresh || fresh.innerHTML === list.innerHTML || list.contains(document.activeElement)) continue;
      list.replaceChildren(...fresh.childNodes);
    }
  }

  const work = again ? look : lists.length > 0 ? refresh : null;
  if (!work) return;
  // A session that is on its way from one server to another is there in a moment.
  let pause = again ? FIRST_MS : EVERY_MS;
  const turn = async () => {
    try {
      if (document.visibilityState === "visible" || again) await work();
    } catch {
      // Out of reach for the moment: the next turn tries again.
    }
    pause = Math.min(2 * pause, EVERY_MS);
    setTimeout(turn, pause);
  };
  setTimeout(turn, pause);
})();
