/** What the house has of generations of networks: the package's entry, and what its own training needs beside it. */
export * from "./entry.js";
export type { Kept } from "./generation.js";
export {
  everyKeeper,
  keepersIn,
  listEvery,
  listEveryBackup,
  type Keeper,
  type KeptListing,
} from "./keeper.js";
export { loadNewest, loadReference } from "./load-newest.js";
export { namedFiles } from "./loose.js";
export {
  claimMirrorFile,
  copiesLeft,
  createMirrorFile,
  mirrorFolder,
  openMirrorFile,
  publishFacts,
  readArrays,
  removeMirror,
  whichFolder,
  type FiledArrays,
  type MirrorFacts,
  type MirrorFile,
} from "./mirror-file.js";
export type { MirrorPaths } from "./mirror-names.js";
export type { PlainChoice } from "./network-file.js";
export { codecs, torchFault } from "./torch-codec.js";
export { isRestored } from "./upkeep.js";
