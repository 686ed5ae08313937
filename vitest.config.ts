import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    globalSetup: ["test/build-first.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: real processes and ONNX Runtime sessions run inside the tests.
    maxWorkers: 2,
    maxConcurrency: 2,
    pool: "forks",
  },
});
