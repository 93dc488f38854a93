/**
 * How the browser suite runs: one stack for all of it, two browsers at a time and one that waits, no retries.
 *
 * `cargo xtask test` starts it; by hand, `npm test` after `cargo xtask build`.
 */

import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "specs",
  outputDir: "results",
  // The pictures of the guides are what some tests see: `npm test -- --update-snapshots` takes them anew.
  snapshotPathTemplate: "../../docs/guides/pictures/{arg}{ext}",
  updateSnapshots: "none",
  globalSetup: "./support/global-setup.ts",
  fullyParallel: true,
  // Two browsers are busy at a time. Who waits for a minute to pass does so beside them.
  workers: 3,
  retries: 0,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  projects: [
    { name: "chromium", testIgnore: /faults|apart|surrounded|firefox|away|slow/, workers: 2 },
    { name: "away", testMatch: /(away|slow)\.spec/, workers: 1 },
    // These end processes of the stack, so they come last and one after the other.
    { name: "faults", testMatch: /faults/, dependencies: ["chromium"], fullyParallel: false },
    // It has a stack of its own, whose certificates and logins are worth nothing at the other: no worker serves both. Beside those above,
    // which leave a worker idle.
    { name: "apart", testMatch: /apart/, dependencies: ["chromium"], fullyParallel: false },
    // So has each of these.
    ...["surrounded", "surrounded-default"].map((name) => ({
      name,
      testMatch: `**/${name}.spec.ts`,
      dependencies: ["chromium"],
      fullyParallel: false,
    })),
    // It needs a browser that the test command does not install: `npm run test:firefox`.
    ...(process.env["COBROWSE_FIREFOX"] ? [{ name: "firefox", testMatch: /firefox/ }] : []),
  ],
});
