/**
 * What `rrweb.mjs` puts into the recorder so that it lets go of shadow roots and frames that the page has removed.
 *
 * rrweb keeps what watches a shadow root or a frame until it stops, and the ids of what stood in them for ever. This lets
 * go of those that the page has removed, whenever there are half as many again and a few: a look costs each of them once.
 * What has gone into another tree that is told keeps its id: its coming there may have been told before its going.
 */

/** Source text, in front of the recorder's own. */
export const LETTING_GO = `
function forget(nodes) { for (const node of nodes) mirror.removeNodeFromMap(node); }
function isElsewhere(n, from) {
  const parent = n.parentNode;
  return n.isConnected && n.getRootNode() !== from.getRootNode()
    && mirror.has(mirror.getId(parent.nodeType === 11 ? parent.host : parent));
}
function isGoneFrame(frame) { return frame.defaultView === null; }
function quietly(handlers) { for (const handler of handlers) try { handler(); } catch {} }
class Watched {
  constructor(isGone) { this.isGone = isGone; this.known = new Map(); this.lookAt = 8; }
  add(owner, nodes) {
    if (this.known.size >= this.lookAt) {
      for (const [old, { handlers, nodes: inside }] of this.known) if (this.isGone(old)) {
        this.known.delete(old); quietly(handlers); forget(inside());
      }
      this.lookAt = 8 + 1.5 * this.known.size;
    }
    const handlers = this.known.get(owner)?.handlers ?? [];
    this.known.set(owner, { handlers, nodes });
    return handlers;
  }
  stop() {
    for (const [owner, { handlers, nodes }] of this.known) {
      quietly(handlers);
      if (this.isGone(owner)) forget(nodes());
    }
    this.known.clear();
  }
}`;
