import { defineConfig, mergeConfig } from "vitest/config";
import config from "../../vitest.config.js";

/** Every phase by every way of stopping, and hundreds of random stops: a part of `npm run soak`. */
export default mergeConfig(
  config,
  defineConfig({
    test: {
      include: ["test/e2e/*.soak.ts", "test/e2e/stop-ways.test.ts"],
      fileParallelism: false,
      testTimeout: 3_600_000,
      env: { GUARDAPESOS_SOAK: "1" },
    },
  }),
);
