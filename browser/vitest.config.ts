/** Units run in jsdom: the choke point needs live nodes. What needs a real browser is tested end to end. */

import { defineConfig } from "vitest/config";

export default defineConfig({
  // Pages are over HTTPS unless a test says otherwise.
  test: {
    environment: "jsdom",
    environmentOptions: { jsdom: { url: "https://localhost:3000" } },
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
  },
});
