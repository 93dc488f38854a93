/**
 * The stack of one run, with the group that only this suite needs.
 */

import { operate, startStack as start } from "../../support/stack.mjs";

/** A running stack: its description, and the way to end it. */
export async function startStack() {
  const { line, stop } = await start(["--servers", "1"]);
  const stack = { ...JSON.parse(line), stop };
  try {
    addGroup(stack);
  } catch (error) {
    await stop();
    throw error;
  }
  return stack;
}

/** Group whose visitors show their canvases and send along what agents cannot reach. */
export const OPEN_GROUP = "mirror-open";

/** Where they have a style sheet from that their page may not look into. */
export const OTHER_SITE = "https://styles.localhost:1";

/** Origin of frames that join sessions of the open group's pages. */
export const PAY = "https://pay.localhost:1";

function addGroup({ accounts, folder, shop_url: shop }) {
  const admin = (...words) => operate(folder, words);
  const origins = [shop, PAY].flatMap((origin) => ["--origin", origin]);
  const uploads = [shop, OTHER_SITE].flatMap((origin) => ["--upload-origin", origin]);
  admin("group", "add", OPEN_GROUP, ...origins, "--canvas-rate", "5", ...uploads);
  for (const { name } of accounts) admin("agent", "grant", name, OPEN_GROUP, "agent");
}
