/**
 * How every suite starts Chromium: quiet, without a display, knowing the stack's certificates.
 */

/**
 * What to launch it with; `more` are further arguments.
 *
 * @param {string | null} spkiHash of the stack's certificate; null for a browser that meets no stack
 * @param {readonly string[]} more
 * @returns {{ executablePath: string, args: string[] }}
 */
export function chromiumOptions(spkiHash, more = []) {
  return {
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(spkiHash === null ? [] : [`--ignore-certificate-errors-spki-list=${spkiHash}`]),
      ...more,
    ],
  };
}
