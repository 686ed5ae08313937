/**
 * A store for checkpoints of any networks that survives power cuts, full disks and impatient users, with files that PyTorch
 * opens. What it promises, and how, is in docs/checkpoint-format.md.
 *
 *   import { openStore, newestWhole, loadCheckpoint } from "guardapesos/checkpoint";
 *
 *   const store = await openStore({ folder: "weights", label: "DRUSEN", name: "local" });
 *   await store.save({ kind: "auto", step: 500, reason: "every 500 batches", networks, progress: { epoch: 3 } });
 *   await store.close();
 *
 *   const found = await newestWhole("weights");
 *   const checkpoint = found && (await loadCheckpoint(found.generation));
 */
export type {
  AdamEntry,
  AdamOptions,
  AdamState,
  Checkpoint,
  CheckpointKind,
  ImportedOptimizer,
  Json,
  NetworkState,
} from "./checkpoint.js";
export type { Generation, GenerationFile, Listing } from "./generation.js";
export { openStore, type Opening, type SaveReport, type Store, type StoreOptions } from "./store.js";
export { startWriter, type Writer } from "./writer.js";
export {
  filesOf,
  resolveReference,
  sourceOf,
  type Resolved,
  type ResolveOptions,
  type Source,
} from "./resolve.js";
export { chooseLoose, loosePairs, type Loose, type LooseChoice, type LoosePair } from "./loose.js";
export { loadCheckpoint, type LoadOptions } from "./load.js";
export {
  backup,
  examine,
  findHolder,
  keepByHand,
  listBackups,
  listGenerations,
  newestWhole,
  prune,
  requestStop,
  restore,
  storeStats,
  verifyGeneration,
  type BackupOptions,
  type BackupReport,
  type Choice,
  type PruneReport,
  type RestoreReport,
} from "./upkeep.js";
export {
  checkpointKinds,
  decideRetention,
  decideSave,
  defaultRetention,
  listenForStop,
  optimalInterval,
  pruneRules,
  seriesFilter,
  stateOfFolder,
  type Damage,
  type Finding,
  type FindingCode,
  type KeepReason,
  type KindStats,
  type NamedFile,
  type PruneOptions,
  type RemoveReason,
  type RetentionDecision,
  type RetentionRules,
  type SaveDecision,
  type SaveFacts,
  type SaveRules,
  type Series,
  type SeriesStats,
  type SeriesWish,
  type Skipped,
  type StopListener,
  type StopRequest,
  type StoreProblem,
  type StoreStats,
  type Verification,
  type VerifyOptions,
} from "../store/index.js";
