/**
 * Puts some lines of ours into rrweb's player while it is bundled: states that only the visitor's browser has become classes, and
 * documents have the visitor's mode.
 *
 * Owns the list. Every place is found as often as it says in the pinned version, or the build fails: then look at the new version. The
 * player has a class for the pointer; it lays it beside each selector of a style sheet's text, and knows nothing of rules that scripts put in.
 */

import { readFileSync } from "node:fs";

const LINES = [
  [
    `rule2.selectors.forEach(function(selector) {
          if (selector.includes(":hover")) {
            rule2.selector += ",\\n" + selector.replace(/:hover/g, ".\\\\:hover");
          }
        });`,
    "rule2.selector = standIns(rule2.selector);",
    1,
  ],
  [
    `if (n2.compatMode === "BackCompat" && n2.childNodes &&`,
    `setMode(doc, n2);
    if (false &&`,
    1,
  ],
  ["insertRule(rule2, index2)", "insertRule(withStandIns(rule2), index2)", 2],
  ["call(styleSheet, data.replace)", "call(styleSheet, withStandIns(data.replace))", 1],
  ["call(styleSheet, data.replaceSync)", "call(styleSheet, withStandIns(data.replaceSync))", 1],
];

/** The player's file. */
export const REPLAY = /@rrweb[\\/]replay[\\/]dist[\\/]replay\.js$/;

/** The player's text with our lines. */
export function fit(source) {
  let text = source;
  for (const [from, to, times] of LINES) {
    const parts = text.split(from);
    if (parts.length !== times + 1) throw new Error(`not ${times} times in rrweb's player: ${from}`);
    text = parts.join(to);
  }
  const own = JSON.stringify(`${import.meta.dirname}/src/viewer/stand-ins.ts`);
  const trusted = JSON.stringify(`${import.meta.dirname}/src/viewer/trusted.ts`);
  return `import { hasStates, standIns } from ${own};
import { setMode } from ${trusted};
const withStandIns = (css) => (hasStates(css) ? adaptCssForReplay(css) : css);
${text}`;
}

/** rrweb's player with our lines; give it to esbuild. */
export const fittedPlayer = {
  name: "fitted-player",
  setup(build) {
    build.onLoad({ filter: REPLAY }, ({ path }) => ({
      contents: fit(readFileSync(path, "utf8")),
      loader: "js",
    }));
  },
};
