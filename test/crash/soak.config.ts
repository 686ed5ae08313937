import { defineConfig, mergeConfig } from "vitest/config";
import config from "../../vitest.config.js";

/** Hours instead of seconds, written to docs/crash-matrix.md as its longer runs: a part of `npm run soak`. */
export default mergeConfig(
  config,
  defineConfig({
    test: { fileParallelism: false, env: { GUARDAPESOS_MATRIX: "write-long" } },
  }),
);
