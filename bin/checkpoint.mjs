/** `import ... from "guardapesos/checkpoint"`: see src/checkpoint/index.ts. Builds first where there is no build yet. */
import { buildIfStale } from "./build.mjs";

await buildIfStale();
export const {
  backup,
  decideRetention,
  decideSave,
  defaultRetention,
  examine,
  keepByHand,
  listBackups,
  listGenerations,
  loadCheckpoint,
  newestWhole,
  openStore,
  optimalInterval,
  prune,
  pruneRules,
  resolveReference,
  restore,
  startWriter,
  storeStats,
  verifyGeneration,
} = await import("../dist/checkpoint/index.js");
