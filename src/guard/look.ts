/** One look at a folder that somebody else writes to: which checkpoints lie in it, and the state that their files are in. */
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseId } from "../store/index.js";
import { findForeign, readFolder, type Candidate } from "../torch/folders/index.js";
import type { Seen } from "./finished.js";

export interface Found extends Seen {
  readonly candidate: Candidate;
  /** Of its newest file, milliseconds since 1970. */
  readonly changed: number;
  readonly born: number;
  readonly bytes: number;
}

/** What `restore` has put aside: it was kept when it was new. */
const asideName = /^OLD_.+_\d{8}_\d{6}([-_]\d+)?(\.\w+)?$/;

/** The store's own folders, and links to nowhere in them: what lies there is kept already. */
export function isOfStore(weights: string, folder: string): (path: string) => boolean {
  const own = new Set([folder, "backups"].map((name) => join(weights, name)));
  return (path) => own.has(path) || parseId(basename(path)) !== undefined;
}

/**
 * The checkpoints at a path. What goes while it is looked at is left out.
 * @param path absolute
 * @throws Node's own errors when `path` itself cannot be read
 */
export async function look(path: string, isLeftOut: (path: string) => boolean): Promise<Found[]> {
  const found: Found[] = [];
  const candidates = await findForeign(path, { isLeftOut });
  const own = new Set(candidates.map((candidate) => candidate.path));
  for (const candidate of candidates) {
    // Another name for one of the others: "last" for the newest.
    const target = await realpath(candidate.path).catch(() => candidate.path);
    if (target !== candidate.path && own.has(target)) continue;
    if (asideName.test(basename(candidate.path))) continue;
    const state = await stateOf(candidate).catch(() => undefined);
    if (state !== undefined) found.push({ candidate, path: candidate.path, ...state });
  }
  return found;
}

/** The state of one checkpoint as it is now. @throws Node's own errors when it has gone */
export async function stateOf(candidate: Candidate): Promise<Omit<Found, "candidate" | "path">> {
  if (candidate.is === "file") {
    const { size, mtimeMs, birthtimeMs, ino } = await stat(candidate.path);
    return { signature: `${ino} ${size} ${mtimeMs}`, changed: mtimeMs, born: birthtimeMs, bytes: size };
  }
  const lines: string[] = [];
  let [changed, bytes] = [0, 0];
  const visit = async (folder: string, prefix: string): Promise<void> => {
    const content = await readFolder(folder);
    for (const file of content.files) {
      lines.push(`${prefix}${file.name} ${file.bytes} ${file.changed}`);
      changed = Math.max(changed, file.changed);
      bytes += file.bytes;
    }
    if (candidate.kind !== "hf-trainer" && candidate.kind !== "accelerate") return;
    if (prefix === "") for (const name of content.folders) await visit(join(folder, name), `${name}/`);
  };
  await visit(candidate.path, "");
  return { signature: lines.join("\n"), changed, born: changed, bytes };
}

/** Where the file of an artifact lies. @param name relative to the checkpoint */
export function fileOf(candidate: Candidate, name: string): string {
  return candidate.is === "file" ? join(dirname(candidate.path), name) : join(candidate.path, name);
}
