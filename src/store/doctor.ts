/**
 * Whether a weights folder can do its work: small real trials, and a look at what lies there. Every finding has a code and
 * data; the sentences, and what to do about each, are the command line's.
 */
import { join } from "node:path";
import { reasonOf } from "../base/errors.js";
import { listBackups } from "./backup-list.js";
import { isAhead } from "./backup-policy.js";
import { familiarNames } from "./aliases.js";
import { codeOf, type Disk } from "./disk.js";
import { listGenerations, type Generation, type Listing, type Skipped } from "./generations.js";
import { dayOf, generationsFolder, isLeftover, isLockName, isTemporaryFile, temporaryFile } from "./names.js";
import { prune } from "./prune.js";
import type { Site } from "./site.js";
import { savesLeft } from "./space.js";
import { verifyGeneration } from "./verify.js";

interface FindingData {
  /** The folder is not there yet; a training makes it. */
  "no-folder": { readonly folder: string };
  writable: { readonly folder: string };
  "not-writable": { readonly folder: string; readonly reason: string };
  links: object;
  /** Familiar names are copies and take room of their own. */
  "no-links": { readonly reason: string };
  /** Milliseconds for one small durable write. */
  fsync: { readonly milliseconds: number };
  "fsync-failed": { readonly reason: string };
  /** So quick that nothing can have reached a disk: memory, or a disk that lies. */
  "fsync-too-quick": { readonly milliseconds: number };
  space: { readonly free: number; readonly savesLeft: number | undefined };
  /** `prunable`: bytes that prune would free now. */
  "space-short": { readonly free: number; readonly savesLeft: number; readonly prunable: number };
  clock: object;
  /** This computer's clock and the file system's differ, or saves are dated in the future. */
  "clock-off": { readonly seconds: number };
  /** Of interrupted saves; the next training removes them. */
  leftovers: { readonly names: readonly string[] };
  damaged: Skipped;
  "not-verified": { readonly id: string };
  /** `good`: the newest sound checkpoint, which training goes on from. */
  "not-finite": { readonly id: string; readonly values: number; readonly good: string | undefined };
  /** A familiar name that is missing although there are checkpoints. */
  "name-missing": { readonly name: string };
  "backup-damaged": Skipped;
  /** Named after, or made at, a time that is still to come. */
  "backup-ahead": { readonly names: readonly string[] };
  "no-backup": object;
  backup: { readonly name: string; readonly age: number };
  /** Older than two days. */
  "backup-old": { readonly name: string; readonly age: number };
  checkpoints: { readonly count: number; readonly newest: string };
  /** `pairs`: files outside any checkpoint that training would go on from. */
  "no-checkpoints": { readonly pairs: readonly (readonly string[])[] };
}

export type FindingCode = keyof FindingData;
export type Finding = {
  [Code in FindingCode]: {
    readonly code: Code;
    readonly level: "fine" | "note" | "problem";
  } & FindingData[Code];
}[FindingCode];

export interface ExamineOptions {
  /** Milliseconds since 1970. */
  readonly now?: number | undefined;
  /** The sets of files outside any generation that training would go on from, asked for where there are no generations. */
  readonly loose?: (() => Promise<readonly (readonly string[])[]>) | undefined;
}

/** Under this, one fsync cannot have waited for any disk. */
const quickestFsync = 0.02;
const clockTolerance = 5;
const day = 24 * 3600;

/**
 * Looks, and reads every generation and backup back; changes nothing but a small trial file of its own, which it removes.
 */
export async function examine(
  site: Site,
  { now = Date.now(), loose = () => Promise.resolve([]) }: ExamineOptions = {},
): Promise<readonly Finding[]> {
  const { disk, weights } = site;
  const findings: Finding[] = [];
  const folder = await disk.target(weights);
  if (folder?.kind !== "folder") return [{ code: "no-folder", level: "note", folder: weights }];
  findings.push(...(await tryWriting(disk, weights, now)));
  const { whole, damaged } = await read(site, await listGenerations(site));
  const [newest] = whole;
  if (newest === undefined) {
    findings.push({ code: "no-checkpoints", level: "note", pairs: await loose() });
  } else findings.push({ code: "checkpoints", level: "fine", count: whole.length, newest: newest.id });

  const free = await disk.freeSpace(weights).catch(() => undefined);
  if (free !== undefined) {
    const left = newest === undefined ? undefined : savesLeft(free, newest.bytes);
    if (left !== undefined && left < 5) {
      const prunable = (await prune(site, { dryRun: true })).freed;
      findings.push({ code: "space-short", level: "problem", free, savesLeft: left, prunable });
    } else findings.push({ code: "space", level: "fine", free, savesLeft: left });
  }
  const clock = Math.max(0, ...whole.map((one) => (Date.parse(one.savedAt) - now) / 1000));
  if (clock > clockTolerance) findings.push({ code: "clock-off", level: "problem", seconds: clock });

  const sound = whole.find((one) => one.verifiedAt !== undefined && one.nonFinite === 0);
  for (const one of damaged) findings.push({ code: "damaged", level: "problem", ...one });
  const names = [
    ...(await disk.list(generationsFolder(site)).catch(() => [])),
    ...(await disk.list(weights)),
  ];
  // While somebody writes, what looks left over or not yet read back is work in progress.
  const isWritten = names.some(isLockName);
  for (const one of whole) {
    if (one.verifiedAt === undefined && !isWritten)
      findings.push({ code: "not-verified", level: "note", id: one.id });
    if (one.nonFinite > 0)
      findings.push({
        code: "not-finite",
        level: "problem",
        id: one.id,
        values: one.nonFinite,
        good: sound?.id,
      });
  }
  for (const file of (site.aliases && sound?.files) || []) {
    const names = familiarNames(file.name, sound!);
    const there = await Promise.all(names.map((name) => disk.info(join(weights, name))));
    if (there.every((one) => one === undefined)) {
      findings.push({ code: "name-missing", level: "note", name: names[0]! });
    }
  }
  const leftovers = names.filter((name) => isLeftover(name) || isTemporaryFile(name));
  if (leftovers.length > 0 && !isWritten)
    findings.push({ code: "leftovers", level: "note", names: leftovers });
  const backups = await read(site, await listBackups(site));
  for (const one of backups.damaged) findings.push({ code: "backup-damaged", level: "problem", ...one });
  const ahead = backups.whole.filter((one) => isBackupAhead(one, now)).map(({ id }) => id);
  if (ahead.length > 0) findings.push({ code: "backup-ahead", level: "problem", names: ahead });
  const [newestBackup] = backups.whole;
  if (newestBackup === undefined || !ahead.includes(newestBackup.id))
    findings.push(await backupFinding(disk, newestBackup, now));
  return findings;
}

/** What is whole when it is read, and what is not. */
async function read(site: Site, listing: Listing): Promise<Listing> {
  const whole: Generation[] = [];
  const damaged = [...listing.damaged];
  for (const generation of listing.whole) {
    const { gone, damages } = await verifyGeneration(site, generation);
    const [damage] = damages;
    if (damage === undefined) whole.push(generation);
    else if (!gone) damaged.push({ id: generation.id, ...damage });
  }
  return { whole, damaged };
}

/** One durable write, one link, and what the file system thinks the time is. */
async function tryWriting(disk: Disk, weights: string, now: number): Promise<Finding[]> {
  const findings: Finding[] = [];
  const path = join(weights, temporaryFile(`doctor-${process.pid}`));
  const linked = `${path}-link`;
  try {
    const sink = await disk.create(path);
    findings.push({ code: "writable", level: "fine", folder: weights });
    try {
      await sink.write(new Uint8Array(4096));
      const start = performance.now();
      await sink.sync();
      const milliseconds = performance.now() - start;
      const code = milliseconds < quickestFsync ? "fsync-too-quick" : "fsync";
      findings.push({ code, level: code === "fsync" ? "fine" : "note", milliseconds });
    } catch (error) {
      findings.push({ code: "fsync-failed", level: "problem", reason: reasonOf(error) });
    }
    await sink.close();
    const off = Math.abs(((await disk.info(path))?.modified ?? now) - now) / 1000;
    if (off > clockTolerance) findings.push({ code: "clock-off", level: "problem", seconds: off });
    else findings.push({ code: "clock", level: "fine" });
    try {
      await disk.link(path, linked);
      findings.push({ code: "links", level: "fine" });
    } catch (error) {
      // A training that begins clears such files away.
      if ((await disk.info(path)) === undefined) return await tryWriting(disk, weights, now);
      findings.push({ code: "no-links", level: "note", reason: reasonOf(error) });
    }
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    findings.push({ code: "not-writable", level: "problem", folder: weights, reason: reasonOf(error) });
  } finally {
    await disk.remove(path).catch(() => undefined);
    await disk.remove(linked).catch(() => undefined);
  }
  return findings;
}

function isBackupAhead({ id, savedAt, verifiedAt }: Generation, now: number): boolean {
  return id.slice(0, 10) > dayOf(new Date(now)) || isAhead(savedAt, now) || isAhead(verifiedAt, now);
}

async function backupFinding(disk: Disk, newest: Generation | undefined, now: number): Promise<Finding> {
  if (newest === undefined) return { code: "no-backup", level: "note" };
  const made = (await disk.info(join(newest.folder, "manifest.json")))?.modified ?? now;
  const age = Math.max(0, (now - made) / 1000);
  if (age > 2 * day) return { code: "backup-old", level: "note", name: newest.id, age };
  return { code: "backup", level: "fine", name: newest.id, age };
}
