/** Units run in jsdom: the choke point needs live nodes. What needs a real browser is tested end to end. */

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { environment: "jsdom", include: ["test/**/*.test.ts"], testTimeout: 20_000 },
});
