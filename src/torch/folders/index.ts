/** Checkpoints that other programs wrote: which there are, whether each is whole, and what is in it. */
export { readFolder } from "./folder-files.js";
export { findForeign, judgeForeign, type Candidate } from "./judge.js";
export type { ForeignCheckpoint } from "./types.js";
