/** Generations of networks: what the store keeps, in the words of those who train. */
import {
  reasonText,
  sha256Of,
  type Generation as Stored,
  type JsonObject,
  type Listing as StoredListing,
  type Skipped,
} from "../store/index.js";
import { networkOfFile } from "./network-names.js";

/** One committed checkpoint on disk. */
export interface Generation extends Omit<
  Stored,
  "step" | "reason" | "files" | "metadata" | "lineage" | "saveId" | "store" | "sequence" | "folder" | "parent"
> {
  readonly folder: string;
  /** Higher is newer, whatever the step and the clock say. */
  readonly sequence: number;
  readonly parent: string | undefined;
  readonly step: number;
  readonly reason: string;
  readonly files: readonly GenerationFile[];
  readonly progress: JsonObject;
  /** Handed on from parent to child. */
  readonly run: string;
  /** The same in every `.pth` of it. */
  readonly pair: string;
}

export interface GenerationFile {
  readonly network: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** One of whichever store: of networks that are trained here, or of another program's files. */
export interface Kept extends Omit<Generation, "step"> {
  /** undefined where it is not known. */
  readonly step: number | undefined;
  /** The name of the folder of generations that it is of. */
  readonly store: string;
}

export interface Listing {
  /** Newest first: a valid manifest, and every file there with its size. */
  readonly whole: readonly Generation[];
  readonly damaged: readonly Skipped[];
}

export function generationOf(stored: Stored): Generation {
  const { step = 0, reason, files, metadata, lineage, saveId, store: _, ...rest } = stored;
  return {
    ...rest,
    step,
    reason: reasonText(reason),
    files: files.map((file) => {
      const { name, path, bytes } = file;
      return { network: networkOfFile(name), path, bytes, sha256: sha256Of(file) ?? "" };
    }),
    progress: metadata,
    run: lineage,
    pair: saveId,
  };
}

export function keptOf(stored: Stored): Kept {
  return { ...generationOf(stored), step: stored.step, store: stored.store };
}

export function listingOf({ whole, damaged }: StoredListing): Listing {
  return { whole: whole.map(generationOf), damaged };
}
