/**
 * The one place where this bundle hands text to an HTML parser, and lets a script be loaded.
 *
 * A doctype is written where the visitor's page has quirks, all of them or some: nothing else decides a document's mode. The viewer's
 * page requires trusted types, so exactly these two doctypes become trusted, and every other write stays an error. The one script
 * that is loaded is the service worker that the server names.
 */

/** What a document says of its mode, as rrweb tells it. */
interface Told {
  readonly compatMode?: string;
  readonly childNodes: readonly { readonly publicId?: string; readonly systemId?: string }[];
}

/** Puts a document that was opened a moment ago into the mode of the visitor's. Its doctype is added as the node that it is. */
export function setMode(mirrored: Document, { compatMode, childNodes }: Told): void {
  const isLimited = childNodes.some(({ publicId = "", systemId }) => systemId && LIMITED.test(publicId));
  const doctype = compatMode === "BackCompat" ? QUIRKS_DOCTYPE : isLimited ? LIMITED_DOCTYPE : null;
  if (!doctype) return;
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else sets a document's mode
  Document.prototype.write.call(mirrored, (policy ? policy.createHTML(doctype) : doctype) as string);
  mirrored.doctype?.remove();
}

interface Policy {
  createHTML(html: string): unknown;
}

interface Policies {
  createPolicy(
    name: string,
    rules: { createHTML(html: string): string; createScriptURL(url: string): string },
  ): Policy;
}

const QUIRKS_DOCTYPE = '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.0 Transitional//EN" "">';
const LIMITED_DOCTYPE =
  '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">';
const DOCTYPES = new Set([QUIRKS_DOCTYPE, LIMITED_DOCTYPE]);

/** Doctypes whose documents have some quirks, if they name where they are written down. */
const LIMITED = /^-\/\/W3C\/\/DTD (?:XHTML 1\.0|HTML 4\.01) (?:Frameset|Transitional)\/\//i;

/** The service worker's address, as the server writes it. */
const WATCHMAN = /^\/assets\/watchman-[0-9a-f]+\.js$/;

/** Its name stands in the policy of the viewer's page: `trusted-types`. */
export const POLICY_NAME = "default";

const policy = (globalThis as { trustedTypes?: Policies }).trustedTypes?.createPolicy(POLICY_NAME, {
  createHTML(html: string): string {
    if (!DOCTYPES.has(html)) throw new TypeError("only a doctype may be written");
    return html;
  },
  createScriptURL(url: string): string {
    if (!WATCHMAN.test(url)) throw new TypeError("only the watchman may be loaded");
    return url;
  },
});
