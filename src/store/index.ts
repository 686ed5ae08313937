/**
 * Generations of files: sets of them that are kept whole, verified and immutable, whatever is in them, through power cuts, full
 * disks and second processes. What is promised, and how it is kept, is in docs/checkpoint-format.md.
 *
 *   const site = siteOf("weights", { folder: guardedFolder, codecs }); // codecs: from checkpoint's index
 *   const store = await openStore(site, { label: "progan_local", name: "generator+critic" });
 *   const { generation } = await store.save({
 *     kind: "auto",
 *     reason: { why: "other", text: "saved by the script" },
 *     artifacts: [{ name: "generator.pth", medium: "torch", bytes: 9_000_000, from: "/path/generator.pth" }],
 *     metadata: { epoch: 3 },
 *   });
 *   await store.close();
 *
 * Who holds the folder's lock already gives it (`openStore(site, { ..., lock })`); `store.beside(series)` saves a second series
 * under the same lock, with a lineage of its own.
 *
 * An artifact is copied `from` a file that lies still, or writes itself from memory (`write`). Without `step` the generation's
 * id counts the saves of its folder. Reading needs no lock: `listGenerations(site)`, `newestWhole(site)`,
 * `verifyGeneration(site, generation)`.
 */
export type { JsonObject } from "../base/plain-json.js";
export type { NamedFile } from "./aliases.js";
export { sha256Of } from "./artifact.js";
export type {
  Artifact,
  ArtifactRecord,
  CopiedArtifact,
  Digest,
  Identity,
  Medium,
  Output,
  SaveRequest,
  TensorIndex,
  TensorRecord,
  WrittenArtifact,
} from "./artifact.js";
export {
  folderPath,
  type FolderPath,
  type GenerationId,
  type Lineage,
  type SaveId,
  type Sequence,
} from "./brands.js";
export type { StoreProblem } from "./attempt.js";
export { leastInterval } from "./backup-policy.js";
export { backup, restore, type BackupOptions, type BackupReport, type RestoreReport } from "./backup.js";
export { listBackups } from "./backup-list.js";
export type { Codec, Codecs, TensorAlgorithm } from "./codec.js";
export { hashInThread } from "./disk-hash.js";
export { diskError, isDiskFault, makeFolders, nodeDisk, writeText, type Disk } from "./disk.js";
export { nodeSyncDisk, type SyncDisk } from "./disk-sync.js";
export { examine, type ExamineOptions, type Finding, type FindingCode } from "./doctor.js";
export { stateOfFolder, type FolderState } from "./folder.js";
export {
  isGone,
  listGenerations,
  readGeneration,
  readManifest,
  type Generation,
  type GenerationFile,
  type Listing,
  type Skipped,
} from "./generations.js";
export {
  findWriters,
  isRunning,
  ownerSchema,
  takeLock,
  type Lock,
  type LockOptions,
  type Owner,
} from "./lock.js";
export type { Manifest } from "./manifest.js";
export {
  checkpointKinds,
  familiarName,
  generationFolder,
  generationsFolder,
  isArtifactName,
  isAsideName,
  isTemporaryFile,
  manifestFile,
  parseId,
  type CheckpointKind,
  type Series,
} from "./names.js";
export { newestWhole, type Choice } from "./newest.js";
export { keepByHand, prune, pruneRules, type PruneOptions, type PruneReport } from "./prune.js";
export { parseReason, reasonText, type SaveReason } from "./reason.js";
export type { Opening } from "./recover.js";
export { saveElsewhere } from "./refuge.js";
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
  retryAfter,
  type SaveDecision,
  type SaveFacts,
  type SaveRules,
} from "./save-policy.js";
export type { SaveReport } from "./save.js";
export { hasNames, isOf, seriesFilter, type SeriesWish } from "./series.js";
export { guardedFolder, ownFolder, siteOf, type Site } from "./site.js";
export { storeStats, type KindStats, type SeriesStats, type StoreStats } from "./stats.js";
export {
  findHolder,
  listenForStop,
  requestStop,
  type StopListener,
  type StopRequest,
} from "./stop-request.js";
export { openStore, type OpenOptions, type Saver, type SeriesOptions, type Store } from "./store.js";
export { algorithmOf, digestBytes, firstDifference, type TensorDigest } from "./tensor-records.js";
export {
  verifyGeneration,
  type Damage,
  type Readable,
  type Verification,
  type VerifyOptions,
} from "./verify.js";
