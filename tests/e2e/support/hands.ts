/**
 * The agent's hand on the mirrored page: where things are on the agent's screen, through frames and shadow trees.
 */

import { expect, type Viewer } from "./people.js";

/** A place on the agent's screen. */
interface Place {
  readonly x: number;
  readonly y: number;
}

/** The middle of an element of the mirrored page, on the agent's screen, once the view shows it. */
export async function placeOf(viewer: Viewer, path: string[]): Promise<Place> {
  let place: Place | null = null;
  await expect(async () => {
    place = await find(viewer, path);
    expect(place, `${path.join(" ")} in the view`).not.toBeNull();
  }).toPass({ timeout: 20_000 });
  return place as unknown as Place;
}

async function find(viewer: Viewer, path: string[]): Promise<Place | null> {
  return viewer.page.evaluate((selectors) => {
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
}

/** Clicks in the middle of an element of the mirrored page; what stands before the last selector are frames and hosts. */
export async function clickOn(viewer: Viewer, ...path: string[]): Promise<void> {
  const { x, y } = await placeOf(viewer, path);
  await viewer.page.mouse.click(x, y);
}
