/**
 * The agent's hand on the mirrored page: where things are on the agent's screen, through frames and shadow trees.
 */

import { expect, type Viewer } from "./people.js";

/** The middle of an element of the mirrored page, on the agent's screen. */
export async function placeOf(viewer: Viewer, path: string[]): Promise<{ x: number; y: number }> {
  const place = await viewer.page.evaluate((selectors) => {
    const stage = document.getElementById("stage") as HTMLElement;
    let root: Document | ShadowRoot | null | undefined =
      stage.querySelector<HTMLIFrameElement>("iframe")?.contentDocument;
    let [x, y, width, height] = [0, 0, 0, 0];
    for (const selector of selectors) {
      const element: Element | null | undefined = root?.querySelector(selector);
      if (!element) return null;
      const box = element.getBoundingClientRect();
      if (element.localName === "iframe") {
        x += box.left + element.clientLeft;
        y += box.top + element.clientTop;
        root = (element as HTMLIFrameElement).contentDocument;
        continue;
      }
      root = element.shadowRoot;
      [width, height] = [box.width, box.height];
      if (!root) {
        x += box.left;
        y += box.top;
      }
    }
    const box = stage.getBoundingClientRect();
    const scale = box.width / stage.offsetWidth;
    return { x: box.left + (x + width / 2) * scale, y: box.top + (y + height / 2) * scale };
  }, path);
  if (!place) throw new Error(`no ${path.join(" ")} in the view`);
  return place;
}

/** Clicks in the middle of an element of the mirrored page; what stands before the last selector are frames and hosts. */
export async function clickOn(viewer: Viewer, ...path: string[]): Promise<void> {
  await expect.poll(() => viewer.count(path[0] ?? "")).toBe(1);
  const { x, y } = await placeOf(viewer, path);
  await viewer.page.mouse.click(x, y);
}
