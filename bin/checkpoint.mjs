/** `import ... from "guardapesos/checkpoint"`: see src/checkpoint/index.ts. Builds first where there is no build yet. */
import { buildIfStale } from "./build.mjs";

await buildIfStale();
export const {
  decideRetention,
  decideSave,
  defaultRetention,
  listGenerations,
  loadCheckpoint,
  newestWhole,
  openStore,
  optimalInterval,
  resolveReference,
  startWriter,
  verifyGeneration,
} = await import("../dist/checkpoint/index.js");
