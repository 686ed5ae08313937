import { defineConfig, mergeConfig } from "vitest/config";
import config from "../../vitest.config.js";

/** Runs the crash tests and writes what they find to docs/crash-matrix.md: `npm run crash-matrix`. */
export default mergeConfig(
  config,
  defineConfig({
    test: { fileParallelism: false, env: { GUARDAPESOS_MATRIX: "write" } },
  }),
);
