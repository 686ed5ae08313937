/**
 * The names that users know, in the weights folder itself: links to the files of a generation. They are a convenience
 * made after the commit; whatever happens to them, the generation is whole.
 */
import { join } from "node:path";
import { sha256Of } from "./artifact.js";
import { codeOf, copyFile, type Disk } from "./disk.js";
import type { Generation, GenerationFile } from "./generations.js";
import { asideName, emergencyName, familiarName, stampOf, temporaryFile, type Series } from "./names.js";
import { hasNames } from "./series.js";
import { hashFile } from "./hash-file.js";

/** What this store has written: the identities of its files, and the SHA-256 of every file it ever saved. */
export interface Ours {
  readonly identities: ReadonlySet<string>;
  readonly hashes: ReadonlySet<string>;
  /** By identity and by SHA-256, where it is known: the label and the name that a file was saved under. */
  readonly owners: ReadonlyMap<string, Series>;
}

export interface NamedFile {
  readonly path: string;
  readonly bytes: number;
}

export interface Naming {
  readonly files: readonly NamedFile[];
  /** New names of a user's own files that stood at the familiar names. */
  readonly movedAside: readonly string[];
}

/** Link errors that are not about links: with these a copy would not work either. */
const notAboutLinks = new Set(["ENOENT", "ENOSPC", "EDQUOT", "EIO", "EROFS", "ENAMETOOLONG"]);

/**
 * Points a name at a file in one instant: whoever opens it gets the old file or the new one. A hard link, or a copy where
 * there are none.
 */
async function pointName(disk: Disk, existing: string, folder: string, name: string): Promise<void> {
  const temporary = join(folder, temporaryFile(name));
  if ((await disk.info(temporary)) !== undefined) await disk.remove(temporary);
  try {
    await disk.link(existing, temporary);
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined || notAboutLinks.has(code)) throw error;
    await copyFile(disk, existing, temporary);
  }
  await disk.rename(temporary, join(folder, name));
}

interface Occupant {
  /** `file` itself (or a copy of it), another file of this store, someone else's, or nothing. */
  readonly is: "nothing" | "same" | "ours" | "foreign";
  /** Of a file of this store, where it is known. */
  readonly owner?: Series | undefined;
}

/** What stands at a name. */
async function occupant(disk: Disk, path: string, file: GenerationFile, ours: Ours): Promise<Occupant> {
  const there = await disk.info(path);
  if (there === undefined) return { is: "nothing" };
  if (there.identity === (await disk.info(file.path))?.identity) return { is: "same" };
  if (ours.identities.has(there.identity)) return { is: "ours", owner: ours.owners.get(there.identity) };
  if (there.kind !== "file") return { is: "foreign" };
  const sha256 = await hashFile(disk, path);
  if (sha256 === sha256Of(file)) return { is: "same" };
  return ours.hashes.has(sha256) ? { is: "ours", owner: ours.owners.get(sha256) } : { is: "foreign" };
}

/**
 * The familiar names of a generation's files and what stands there. They are the marked ones where the plain ones speak of
 * another series already: "A_B" and "c" make the name that "A" and "B_c" make; where case does not count, "A" and "a" do.
 */
async function familiarPlaces(disk: Disk, weights: string, { files, series }: Generation, ours: Ours) {
  const places = (apart: boolean) =>
    Promise.all(
      files.map(async (file) => {
        const name = familiarName(file.name, series, apart);
        return { file, name, there: await occupant(disk, join(weights, name), file, ours) };
      }),
    );
  const marked = await places(true);
  // Once apart, always: a name must not begin to speak of another training.
  if (marked.some(({ there }) => there.is !== "nothing")) return marked;
  const plain = await places(false);
  const isTaken = plain.some(({ there: { owner } }) => owner && !hasNames({ series: owner }, series));
  return isTaken ? marked : plain;
}

/**
 * Brings the familiar names onto a generation. Names that are right already are left alone; a file that this store did
 * not write first gets a name of its own.
 */
export async function pointFamiliar(
  disk: Disk,
  weights: string,
  generation: Generation,
  ours: Ours,
): Promise<Naming> {
  const movedAside: string[] = [];
  const files: NamedFile[] = [];
  let changed = false;
  for (const { file, name, there } of await familiarPlaces(disk, weights, generation, ours)) {
    files.push({ path: join(weights, name), bytes: file.bytes });
    if (there.is === "same") continue;
    if (there.is === "foreign") movedAside.push(await moveAside(disk, weights, file.name, generation, name));
    await pointName(disk, file.path, weights, name);
    changed = true;
  }
  if (changed) await disk.syncFolder(weights);
  return { files, movedAside };
}

/** @returns the new path of a user's own file */
async function moveAside(
  disk: Disk,
  weights: string,
  artifact: string,
  { series }: Generation,
  name: string,
): Promise<string> {
  const path = join(weights, name);
  const changed = new Date((await disk.info(path))?.modified ?? Date.now());
  for (let copy = 1; ; copy++) {
    const target = join(weights, asideName(artifact, series, stampOf(changed, copy)));
    if ((await disk.info(target)) !== undefined) continue;
    // The lock makes this the only writer, so the name stays free until the rename.
    await disk.rename(path, target);
    // Durable before another file takes the old name.
    await disk.syncFolder(weights);
    return target;
  }
}

/** The names by which a file of a generation may be known. */
export function familiarNames(artifact: string, { series }: Pick<Generation, "series">): string[] {
  return [familiarName(artifact, series), familiarName(artifact, series, true)];
}

/** Whether a familiar name is a link to one of a generation's files: then it must stay while the name does. */
export async function isPointedAt(disk: Disk, weights: string, generation: Generation): Promise<boolean> {
  for (const file of generation.files) {
    const { identity } = (await disk.info(file.path)) ?? {};
    for (const name of familiarNames(file.name, generation)) {
      if (identity !== undefined && (await disk.info(join(weights, name)))?.identity === identity)
        return true;
    }
  }
  return false;
}

/**
 * Gives an emergency generation its own names, never over another file.
 * @returns for a name that is someone else's, the file in the generation
 */
export async function nameEmergency(
  disk: Disk,
  weights: string,
  generation: Generation,
  stamp: string,
  ours: Ours,
): Promise<readonly NamedFile[]> {
  const files: NamedFile[] = [];
  for (const file of generation.files) {
    const name = emergencyName(file.name, stamp);
    const { is } = await occupant(disk, join(weights, name), file, ours);
    if (is === "nothing") await pointName(disk, file.path, weights, name);
    const named = is === "nothing" || is === "same";
    files.push({ path: named ? join(weights, name) : file.path, bytes: file.bytes });
  }
  await disk.syncFolder(weights);
  return files;
}

/** The emergency names that really are a generation's files: they go with it when it is removed. */
export async function emergencyNames(
  disk: Disk,
  weights: string,
  generation: Generation,
  stamp: string,
): Promise<string[]> {
  const nothingElse: Ours = { identities: new Set(), hashes: new Set(), owners: new Map() };
  const names: string[] = [];
  for (const file of generation.files) {
    const path = join(weights, emergencyName(file.name, stamp));
    if ((await occupant(disk, path, file, nothingElse)).is === "same") names.push(path);
  }
  return names;
}
