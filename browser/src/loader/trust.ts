/**
 * Addresses of scripts on pages that demand Trusted Types (`require-trusted-types-for 'script'`).
 *
 * Owns the one policy of this product, `glance-cobrowse`: it vouches for scripts of the origin that the loader came from, and
 * for nothing else, whatever the page's tag says by then.
 */

/** Gives what vouches for an address. Where the page lets no such policy be made, addresses stay what they are. */
export function trustIn(home: string): (url: string) => string {
  let policy: { createScriptURL(url: string): unknown } | undefined;
  return (url) => {
    try {
      policy ??= (window as Page).trustedTypes?.createPolicy("glance-cobrowse", {
        createScriptURL: (asked) => (asked.startsWith(new URL("/", home || url).href) ? asked : ""),
      });
    } catch {
      // The page's policy does not name ours; it may have one for everything.
    }
    return (policy?.createScriptURL(url) ?? url) as string;
  };
}

/** Not in all browsers that we build for. */
interface Page {
  trustedTypes?: {
    createPolicy(
      name: string,
      rules: { createScriptURL: (url: string) => string },
    ): { createScriptURL(url: string): unknown };
  };
}
