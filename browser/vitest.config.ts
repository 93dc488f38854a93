/**
 * Units run in jsdom: the choke point needs live nodes. What needs a real browser is tested end to end.
 *
 * rrweb's recorder is the one that is shipped, as the build cuts it.
 */

import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

// @ts-expect-error -- a script of the build, without types
import { RECORD, trim } from "./rrweb.mjs";

export default defineConfig({
  plugins: [
    {
      name: "trimmed-recorder",
      load: (id: string) =>
        (RECORD as RegExp).test(id) ? (trim as (text: string) => string)(readFileSync(id, "utf8")) : null,
    },
  ],
  // Pages are over HTTPS unless a test says otherwise.
  test: {
    environment: "jsdom",
    environmentOptions: { jsdom: { url: "https://localhost:3000" } },
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    server: { deps: { inline: [/@rrweb/] } },
  },
});
