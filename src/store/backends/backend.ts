/**
 * Where copies of generations go: a folder, later a bucket or what rclone reaches. These comments are the contract; the suite
 * in test/contract/backend.ts holds every backend to it. The store itself is none: it lives on a disk and renames.
 *
 * **A generation exists in a backend when its manifest does, and its manifest is put last.** Until then nothing of it is
 * listed, told or given to anybody, and what becomes of it is nobody's loss. From then on it never changes; it can only go as a
 * whole, its manifest first.
 *
 * **One writer.** Whoever has opened a backend for writing is the only one who writes there (a lock, or a part of the place that
 * is named after the writer); opening it clears away what a writer that was killed has not finished. Readers come and go at any
 * time, in any process.
 *
 * **After a crash**, of the process or the machine, a generation whose manifest had been put (the promise of `put` had resolved)
 * is there, whole; one whose manifest had not been begun is not. In between it is one or the other.
 *
 * **Memory** is bounded by a few pieces, whatever the size of an object.
 *
 * **Errors**: what this page names is a `BackendError`; anything else is what the system, the network or the given content has
 * thrown, unchanged, and says nothing of what is there. After any error of `put` its object is not there, and the same put may
 * be tried again; where a manifest's put has failed the generation may be there, too (it was the confirmation that failed).
 */

import { isArtifactName, isBackupName, manifestFile, parseId } from "../names.js";

/** A file of a generation. Both names are compared by code points. */
export interface ObjectName {
  /** A generation's id, or a backup's name. */
  readonly generation: string;
  /** An artifact's (`isArtifactName`), or the manifest's. */
  readonly file: string;
}

/** What is put: exactly so many bytes, asked for piece by piece, once. */
export interface Content {
  readonly bytes: number;
  /** Each piece is used up before the next is asked for: its memory may then be another's. */
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface BackendReader {
  /** For people: where it is. */
  readonly place: string;
  /**
   * The bytes of a file, in pieces that are valid until the next is asked for. Whoever stops asking (`break`) lets go of it.
   * @throws BackendError `missing` the generation does not exist, or has no such file. Thrown when the first piece is asked for
   */
  get(name: ObjectName): AsyncIterable<Uint8Array>;
  /**
   * The generations that exist, in no promised order. One that comes or goes meanwhile may be among them or not; what lies
   * there and is no generation is not.
   */
  list(): AsyncIterable<string>;
  /** The files of a generation with their sizes, the manifest among them; undefined when it does not exist. */
  stat(generation: string): Promise<ReadonlyMap<string, number> | undefined>;
}

export interface Backend extends BackendReader {
  /**
   * Puts a file of a generation that does not exist yet; its manifest, the last, makes it exist. When it resolves, the bytes
   * are safe from a crash. Several may run at once, but no manifest beside another of its generation.
   * @throws BackendError `exists` a put of this file has succeeded before, or the generation exists (told with the manifest at the
   *   latest): nothing is ever written over
   * @throws BackendError `torn` the content had fewer or more bytes than it said
   * @throws BackendError `name` it cannot be called so
   */
  put(name: ObjectName, content: Content): Promise<void>;
  /** Gives up what was put of a generation whose manifest was not; nothing happens where there is none. */
  discard(generation: string): Promise<void>;
  /**
   * Removes a generation: from the first moment on it does not exist, then its files go.
   * @returns false when there was none, or a person has marked it to be kept
   */
  delete(generation: string): Promise<boolean>;
}

export type BackendFault = "missing" | "exists" | "torn" | "name";

export class BackendError extends Error {
  readonly fault: BackendFault;
  readonly object: ObjectName;
  /** Of `torn`: how many bytes there were. */
  readonly bytes: number | undefined;

  constructor(
    fault: BackendFault,
    object: ObjectName,
    more: { readonly bytes?: number; readonly cause?: unknown } = {},
  ) {
    super(`${fault}: ${object.generation}/${object.file}`, { cause: more.cause });
    this.name = "BackendError";
    this.fault = fault;
    this.object = object;
    this.bytes = more.bytes;
  }
}

/** @throws BackendError `name` */
export function checkName(object: ObjectName): void {
  const isFile = object.file === manifestFile || isArtifactName(object.file);
  if (!isFile || !isGenerationName(object.generation)) throw new BackendError("name", object);
}

/** What a generation can be called in a backend: nothing else is ever read, written or removed there. */
export function isGenerationName(name: string): boolean {
  return isBackupName(name) || parseId(name) !== undefined;
}
