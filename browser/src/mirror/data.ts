/**
 * Bytes as text: the step that canvases and uploads have in common.
 */

import { guarded } from "../guard/guard.js";
import { OwnPromise } from "../guard/own.js";

/** A `data:` address, written by the browser beside the page. */
export function dataOf(page: Window & typeof globalThis, blob: Blob): Promise<string> {
  const reader = new page.FileReader();
  return new OwnPromise((resolve, reject) => {
    reader.onload = guarded(() => {
      resolve(reader.result as string);
    });
    reader.onerror = guarded(reject);
    reader.readAsDataURL(blob);
  });
}
