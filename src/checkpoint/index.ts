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
  Json,
  NetworkState,
  StoreProblem,
} from "./checkpoint.js";
export { openStore, type Store, type StoreOptions } from "./store.js";
export type { SaveReport } from "./save.js";
export type { NamedFile } from "./familiar.js";
export type { Opening } from "./recover.js";
export { startWriter, type Writer } from "./writer.js";
export {
  listGenerations,
  type Generation,
  type GenerationFile,
  type Listing,
  type Skipped,
} from "./generations.js";
export {
  filesOf,
  newestWhole,
  resolveReference,
  sourceOf,
  type Choice,
  type Resolved,
  type ResolveOptions,
  type Source,
} from "./resolve.js";
export { chooseLoose, loosePairs, type Loose, type LooseChoice, type LoosePair } from "./loose.js";
export { loadCheckpoint, type LoadOptions } from "./load.js";
export { verifyGeneration, type Damage, type Verification, type VerifyOptions } from "./verify.js";
export {
  decideRetention,
  defaultRetention,
  type KeepReason,
  type RemoveReason,
  type RetentionDecision,
  type RetentionRules,
} from "./retention-policy.js";
export {
  decideSave,
  optimalInterval,
  type SaveDecision,
  type SaveFacts,
  type SaveRules,
} from "./save-policy.js";
export { checkpointKinds, type Series } from "./names.js";
export { seriesFilter, type SeriesWish } from "./series.js";
export {
  findHolder,
  listenForStop,
  requestStop,
  type StopListener,
  type StopRequest,
} from "./stop-request.js";
export { keepByHand, prune, pruneRules, type PruneOptions, type PruneReport } from "./prune.js";
export { backup, restore, type BackupOptions, type BackupReport, type RestoreReport } from "./backup.js";
export { listBackups } from "./backup-list.js";
export { storeStats, type KindStats, type SeriesStats, type StoreStats } from "./stats.js";
export { stateOfFolder, type FolderState } from "./folder.js";
export { examine, type Finding, type FindingCode } from "./doctor.js";
