/**
 * Canvases of the mirrored page.
 *
 * In a frame that runs no script a canvas is an ordinary element without a size of its own. So it gets content: the
 * visitor's picture, or an empty one that takes the same place. The content is an animation: it changes no attribute, and
 * the proof of the picture holds. Pictures have passed `allowed.ts`.
 */

/** Shows a picture, or with `null` the one that it has, in the size that the canvas has now. */
export function showCanvas(node: Node, picture: string | null): void {
  if ((node as Element).localName !== "canvas") return;
  const canvas = node as HTMLCanvasElement;
  if (picture === null) {
    lay(canvas, pictures.get(canvas) ?? null);
    return;
  }
  const image = new Image();
  image.src = picture;
  pictures.set(canvas, image);
  // Only once it can be shown: what is there until then does not flicker.
  image.onload = () => {
    if (pictures.get(canvas) === image) lay(canvas, image);
  };
  image.onerror = () => {
    if (pictures.get(canvas) === image) pictures.delete(canvas);
  };
}

/** Whether a picture of the canvas has come. */
export function hasPicture(canvas: Element): boolean {
  return pictures.has(canvas);
}

function lay(canvas: HTMLCanvasElement, image: HTMLImageElement | null): void {
  const { width, height } = canvas;
  const isWhole = image?.naturalWidth === width && image.naturalHeight === height;
  const content = `url("${isWhole ? image.src : scaled(width, height, image?.src ?? null)}")`;
  const before = contents.get(canvas);
  contents.set(canvas, canvas.animate({ content: [content, content] }, FOR_EVER));
  before?.cancel();
}

/** A picture of another size, or none, as one of that size. */
function scaled(width: number, height: number, picture: string | null): string {
  const image = picture
    ? `<image width="100%" height="100%" preserveAspectRatio="none" href="${picture}"/>`
    : "";
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${String(width)}" height="${String(height)}">${image}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

/** The newest picture of each canvas, and what is laid over it. */
const pictures = new WeakMap<Element, HTMLImageElement>();
const contents = new WeakMap<Element, Animation>();

const FOR_EVER: KeyframeAnimationOptions = { duration: 1, fill: "forwards" };
