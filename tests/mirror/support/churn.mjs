/**
 * Looks whether the visitor's script lets go of what the page has removed: shadow hosts and frames come and go while they
 * are recorded, and what the page's process then holds is counted after a collection. Counts, no times: `soak.mjs` has those.
 *
 * Owns the changes, the count and the judgement.
 */

import { Visitor } from "./people.mjs";

/** Of each kind in a round; all of them are recorded before they go. */
const ROUND = 8;
const ROUNDS = 8;

/** Elements in the tree of each host. */
const HOST_NODES = 40;

/**
 * What may be held of `ROUND * ROUNDS`: those of the last round, and what is let go by number and not at once (`Watched` in
 * `browser/letting-go.mjs`, `ROOTS_LOOK_AT`). A frame has two documents, the empty one that it begins with and its own.
 */
const HELD_MAX = (ROUND * ROUNDS) / 2;

/** A collection takes what the one before it has made free. */
const COLLECTIONS_MAX = 20;

/** What was added and removed, and what of it is still there; `is_let_go` says that it is little enough. */
export async function measureChurn({ browser, stack, scripts, site }) {
  const visitor = await Visitor.open(browser, stack, scripts, "forms", site);
  try {
    await visitor.start();
    const session = await visitor.context.newCDPSession(visitor.page);
    const count = async () => {
      await session.send("HeapProfiler.collectGarbage");
      return session.send("Memory.getDOMCounters");
    };
    const churn = (rounds) =>
      visitor.page.evaluate(`(${comeAndGo.toString()})(${rounds}, ${ROUND}, ${HOST_NODES})`);
    // What is kept by number is full then.
    await churn(2);
    const [epoch] = (await visitor.position()).split("/");
    const before = await count();
    await churn(ROUNDS);
    let held;
    for (let at = 0; at < COLLECTIONS_MAX && !held?.is_let_go; at += 1) {
      const after = await count();
      const documents = after.documents - before.documents;
      const nodes = after.nodes - before.nodes;
      const is_let_go = documents <= HELD_MAX && nodes <= HELD_MAX * HOST_NODES;
      held = { documents, nodes, listeners: after.jsEventListeners - before.jsEventListeners, is_let_go };
    }
    // A new epoch would let go of everything.
    const isOne = (await visitor.position()).startsWith(`${epoch}/`);
    return { frames: ROUND * ROUNDS, hosts: ROUND * ROUNDS, ...held, is_one_epoch: isOne };
  } finally {
    await visitor.context.close();
  }
}

/** Runs in the visitor's page. */
async function comeAndGo(rounds, size, nodes) {
  const place = document.createElement("div");
  document.body.append(place);
  for (let round = 0; round < rounds; round += 1) {
    const loaded = [];
    for (let at = 0; at < size; at += 1) {
      const host = document.createElement("section");
      host.attachShadow({ mode: "open" }).innerHTML = "<b></b>".repeat(nodes);
      const frame = document.createElement("iframe");
      frame.srcdoc = `<!doctype html><p>frame ${String(round * size + at)}</p>`;
      loaded.push(new Promise((resolve) => frame.addEventListener("load", resolve)));
      place.append(host, frame);
    }
    await Promise.all(loaded);
    // The recorder tells of them in the tasks of their loading, and of what changes behind that.
    for (const host of place.children) host.shadowRoot?.firstElementChild.setAttribute("title", "seen");
    await new Promise((resolve) => setTimeout(resolve, 50));
    place.replaceChildren();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  place.remove();
}
