import { defineConfig } from "vitest/config";

/** Hours instead of seconds: `npm run soak`. */
export default defineConfig({
  test: { include: ["test/torch/*.soak.ts"], testTimeout: 3_600_000, hookTimeout: 600_000, pool: "forks" },
});
