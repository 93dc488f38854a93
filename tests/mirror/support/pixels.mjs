/** How much two pictures of a page differ, in percent of their pixels. */

import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";

/** Percent of pixels that differ by more than what smoothing of edges explains, but inside some boxes; 100 for another size. */
export function pixelDiffPercent(one, other, without = []) {
  const [left, right] = [PNG.sync.read(one), PNG.sync.read(other)];
  if (left.width !== right.width || left.height !== right.height) return 100;
  for (const box of without) for (const picture of [left, right]) blank(picture, box);
  const count = pixelmatch(left.data, right.data, undefined, left.width, left.height, { threshold: 0.1 });
  return Math.round((count / (left.width * left.height)) * 100_000) / 1_000;
}

function blank(picture, { left, top, right, bottom }) {
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(picture.height, bottom); y += 1) {
    for (let x = Math.max(0, Math.floor(left)); x < Math.min(picture.width, right); x += 1) {
      picture.data.fill(255, (y * picture.width + x) * 4, (y * picture.width + x) * 4 + 4);
    }
  }
}
