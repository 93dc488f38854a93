/**
 * The one place where this bundle hands text to an HTML parser, and lets a script be loaded.
 *
 * rrweb writes a doctype when the mirrored page is in quirks mode: nothing else decides a document's mode. The viewer's
 * page requires trusted types, so exactly these two doctypes become trusted, and every other write stays an error. The one script
 * that is loaded is the service worker that the server names.
 */

/** Lets the replayer write its doctypes, and nothing more, into a mirrored document. */
export function allowDoctypes(mirrored: Document): void {
  const write = (html: string): void => {
    if (!DOCTYPES.has(html)) throw new Error("only a doctype may be written");
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else sets a document's mode
    Document.prototype.write.call(mirrored, (policy ? policy.createHTML(html) : html) as string);
  };
  Object.defineProperty(mirrored, "write", { value: write, configurable: true });
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

/** The doctypes that rrweb writes for pages in quirks mode. */
const DOCTYPES = new Set([
  '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "">',
  '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.0 Transitional//EN" "">',
]);

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
