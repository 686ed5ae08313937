/** `import ... from "guardapesos/checkpoint"`: see src/checkpoint/index.ts. Builds first where there is no build yet. */
import { buildIfStale } from "./build.mjs";

await buildIfStale();
export const {
  backup,
  decideRetention,
  decideSave,
  defaultRetention,
  examine,
  filesOf,
  keepByHand,
  listBackups,
  listGenerations,
  listenForStop,
  loadCheckpoint,
  newestWhole,
  openStore,
  optimalInterval,
  prune,
  pruneRules,
  requestStop,
  resolveReference,
  restore,
  startWriter,
  stateOfFolder,
  storeStats,
  verifyGeneration,
} = await import("../dist/checkpoint/index.js");
