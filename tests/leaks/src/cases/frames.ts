/**
 * Frames of other origins that carry the tag and join the session: their own masks, the masks around them, and who may.
 *
 * Each page has a second frame that may be seen. A case is judged when that one has arrived, so that the other had its time.
 */

import type { Case } from "../kit.js";

/** A frame of a host's; the group lists `pay` and not `far`. */
const frame = (file: string, more = "", host = "pay"): string =>
  `<iframe ${more} src="https://${host}.localhost:1{folder}/${file}"></iframe>`;
const tag = (group = "frames", id = "glance-cobrowse"): string =>
  `<script id="${id}" src="{web}/cobrowse/loader.js" data-groupid="leaks-${group}"></script>`;

/** A page whose frames hold so many canaries; the insides of its frames are named files. */
const joined = (
  name: string,
  count: number,
  html: string,
  insides: Readonly<Record<string, string>>,
  more: Partial<Case> = {},
): Case => ({
  name: `joined frames: ${name}`,
  group: "frames",
  controlGroup: "frames",
  html: html + frame("seen.html"),
  files: { ...insides, "seen.html": inside("<p>seen-frame</p>") },
  until: (text, fill) =>
    text.includes("seen-frame") &&
    (fill.isMasked || [...Array(count).keys()].every((at) => fill.has(text, at))),
  ...more,
});

const inside = (body: string, head = tag()): string =>
  `<!doctype html><head>${head}</head><body>${body}</body>`;

export const FRAMES: readonly Case[] = [
  joined(
    "masks of their own, on their element, around it, and in a frame within",
    7,
    `${frame("own.html")}${frame("on.html", "{m}")}<div {m}>${frame("around.html")}</div>`,
    {
      "own.html": inside(
        "<p {m} title='{c1}'>{c}</p><input {m} value='{c2}'><div {m}><b id=b></b></div><script>b.textContent = '{c3}'</script><iframe {m} srcdoc='<p>{c4}</p>'></iframe>",
      ),
      "on.html": inside("<p>{c5}</p>"),
      "around.html": inside("<p>{c6}</p>"),
    },
  ),
  joined(
    "an origin that is none of the group's, a tag of another group, no tag, a sandbox",
    4,
    frame("far.html", "", "{far|pay}") +
      frame("other.html") +
      frame("none.html") +
      frame("box.html", '{sandbox="allow-scripts"|}'),
    {
      "far.html": inside("<p>{c}</p>"),
      "other.html": inside("<p>{c1}</p>", tag("{plain|frames}")),
      "none.html": inside("<p>{c2}</p>", tag("frames", "{none|glance-cobrowse}")),
      "box.html": inside("<p>{c3}</p>"),
    },
  ),
  joined(
    "a mask around one that comes later",
    1,
    `<div id="w">${frame("inner.html", 'id="f"')}</div>`,
    {
      "inner.html": inside(
        '<p id="p">x</p><script>addEventListener("message", (e) => { if (typeof e.data === "string") p.textContent = e.data; })</script>',
      ),
    },
    {
      act: 'w.className = "{M}"; const tell = setInterval(() => f.contentWindow.postMessage("{c}", "*"), 50); setTimeout(() => clearInterval(tell), 6000)',
    },
  ),
  joined(
    "what one masks after it was shown, for who comes late",
    1,
    frame("inner.html"),
    { "inner.html": inside('<p id="p">{c}</p><i>inner-frame</i>') },
    {
      isLate: true,
      act: async (page, fill, seen) => {
        const until = Date.now() + WAIT_MS_MAX;
        while (!seen().includes("inner-frame") && Date.now() < until) await page.waitForTimeout(20);
        const inner = page.frames().find((one) => one.url().endsWith("inner.html"));
        await inner?.evaluate(fill.text('document.getElementById("p").className = "{M}"'));
      },
    },
  ),
];

const WAIT_MS_MAX = 8_000;
