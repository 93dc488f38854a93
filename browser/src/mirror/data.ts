/**
 * Bytes as text: the step that canvases and uploads have in common.
 */

/** A `data:` address, written by the browser beside the page. */
export function dataOf(page: Window & typeof globalThis, blob: Blob): Promise<string> {
  const reader = new page.FileReader();
  return new Promise((resolve, reject) => {
    reader.onload = () => {
      resolve(reader.result as string);
    };
    reader.onerror = reject;
    reader.readAsDataURL(blob);
  });
}
