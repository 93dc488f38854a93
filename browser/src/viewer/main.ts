/**
 * The agent's viewer: reads what the server put into the page, and begins.
 */

import { BAD_PAGE_WORDS } from "./messages.js";
import { ViewerSession } from "./session.js";

function value(name: string): string {
  const content = document.querySelector<HTMLMetaElement>(`meta[name="cobrowse-${name}"]`)?.content ?? "";
  return content.startsWith("{{") ? "" : content;
}

const page = {
  join: value("join"),
  csrf: value("csrf"),
  webTier: value("web-tier"),
  group: value("group"),
  key: value("session-key"),
  other: value("other"),
  around: value("around").split(" ").filter(Boolean),
  watchman: value("watchman"),
};

if (page.join && page.csrf) {
  new ViewerSession(page).connect();
} else {
  document.body.dataset.state = "failed";
  const message = document.getElementById("message");
  if (message) {
    message.textContent = BAD_PAGE_WORDS;
    message.hidden = false;
  }
}
