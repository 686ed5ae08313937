/**
 * One writer per weights folder. Everyone who wants to write announces itself in a file of its own and then looks at the
 * others' files: whoever finds a living one withdraws. Announcing before looking means that two can never both believe
 * to be alone, and a file whose name is never used again can be removed without a race once its owner is dead.
 */
import { randomBytes } from "node:crypto";
import { hostname, uptime } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { parseBounded } from "../base/bounded-json.js";
import { GuardapesosError, purposes, type Purpose } from "../base/errors.js";
import { codeOf, systemText, writeText, type Disk } from "./disk.js";
import { isLockName, lockName, temporaryFile } from "./names.js";

/** Where a process runs, as far as it can be told from another one. Empty: the system does not say. */
export interface Place {
  readonly host: string;
  /** Changes with every start of the machine (Linux). */
  readonly boot: string;
  /** The same over restarts of the machine (Linux). */
  readonly machine: string;
  /** Processes of different pid namespaces (containers) do not see each other (Linux). */
  readonly namespace: string;
}

export interface Owner extends Place {
  readonly pid: number;
  /** When the process started, in the system's own units (Linux); tells a process from a later one with its pid. */
  readonly started: string;
  /** ISO 8601. */
  readonly since: string;
  /** What it does in the folder; undefined: it is of a version that did not say, or is not known here. */
  readonly purpose?: Purpose | undefined;
}

const word = z.string().max(300).default("");
/** A process as it is written down on a disk. */
export const ownerSchema = z.looseObject({
  host: word,
  boot: word,
  machine: word,
  namespace: word,
  pid: z.int().positive(),
  started: word,
  since: z.iso.datetime(),
  purpose: z.enum(purposes).optional().catch(undefined),
});
/** Bytes of an announcement that say something; those after them are signs of life. */
const ownerAtMost = 4096;

/** What the judge may know about the world. */
export interface Surroundings extends Place {
  /** When this machine started, milliseconds since 1970. */
  readonly bootedAt: number;
  /** undefined: there is no such process. */
  readonly startOf: (pid: number) => Promise<string | undefined>;
}

/** Seconds between two signs of life, and of silence after which an owner that cannot be asked counts as dead. */
export const heartbeat = 5;
export const silenceLimit = 60;

/**
 * Whether the owner of a lock lives. "Dead" only when that is certain, or when an owner that cannot be asked from here
 * has been silent for longer than `silenceLimit`.
 * @param silence seconds since the owner's last sign of life
 */
export async function isAlive(owner: Owner, silence: number, here: Surroundings): Promise<boolean> {
  const heard = silence <= silenceLimit;
  if (owner.host !== here.host) return heard;
  if (owner.boot !== here.boot) return owner.machine !== "" && owner.machine === here.machine ? false : heard;
  if (owner.namespace !== here.namespace) return heard;
  // Without a boot id, an owner from before the machine started is dead whatever its pid; a minute for a clock that moved.
  if (owner.boot === "" && Date.parse(owner.since) < here.bootedAt - 60_000) return false;
  const started = await here.startOf(owner.pid);
  if (started === undefined) return false;
  return owner.started === "" || started === "" || started === owner.started;
}

export interface Lock {
  /** The announcement's file. */
  readonly path: string;
  /**
   * Looks whether the announcement is there still. One that is not, in a folder that is, was removed by somebody: it is made
   * again, unless another process writes there now.
   * @throws WEIGHTS_FOLDER_GONE when the folder is not there any more, or another one in its place
   * @throws WEIGHTS_IN_USE when another process has taken this lock for dead, and writes
   */
  check(): Promise<void>;
  release(): Promise<void>;
}

export interface LockOptions {
  /** For others to read; "train" when left out. */
  readonly purpose?: Purpose | undefined;
  /** Seconds to wait for writers that end by themselves: all but trainings; 0 when left out. */
  readonly patience?: number | undefined;
  /** Told once, of the first that is waited for. */
  readonly onWaiting?: ((other: Owner) => void) | undefined;
}

/** Milliseconds between two looks at whether others have ended. */
const lookEvery = 250;

/**
 * Becomes the only writer of a folder.
 * REQUIRES: it exists.
 * @param told what the folder is called towards the user
 * @throws WEIGHTS_IN_USE when a living process is
 */
export async function takeLock(
  disk: Disk,
  folder: string,
  told: string,
  { purpose = "train", patience = 0, onWaiting }: LockOptions = {},
): Promise<Lock> {
  const here = await surroundings(disk);
  const deadline = performance.now() + patience * 1000;
  const identity = (await disk.target(folder))?.identity;
  for (let tries = 1; ;) {
    const mine = await announce(disk, folder, lockName(randomBytes(16).toString("hex")), here, purpose);
    let others: readonly Announcement[];
    try {
      others = await findOthers(disk, folder, mine, here);
      if (others.length > 0 && endSoon(others) && performance.now() < deadline) {
        onWaiting?.(others[0]!.owner!);
        // Announced all the while: nobody else begins, and who wants this one to stop finds it.
        while (others.length > 0 && endSoon(others) && performance.now() < deadline) {
          await wait(lookEvery);
          // A sign of life, and it asks the file system for the time.
          await disk.append(mine, "\n");
          others = await findOthers(disk, folder, mine, here);
        }
      }
    } catch (error) {
      await removeQuietly(disk, mine);
      throw error;
    }
    const [other] = others;
    if (other === undefined) return keepAlive(disk, { folder, told, mine, here, purpose, identity });
    await removeQuietly(disk, mine);
    // Two that started in the same instant both withdraw: they try again at different times.
    if (tries++ === 3) throw inUse(told, other);
    await wait(50 + Math.random() * 200 * tries);
  }
}

/** Whether all of them do something that is over in a while. */
const endSoon = (others: readonly Announcement[]): boolean =>
  others.every(({ owner }) => owner?.purpose !== undefined && owner.purpose !== "train");

/** What is said to whom a living writer keeps out. */
export function inUse(folder: string, { path, owner }: Announcement): GuardapesosError {
  if (owner === undefined) {
    const since = new Date().toISOString();
    return new GuardapesosError("WEIGHTS_IN_USE", { folder, pid: 0, since, unreadable: path });
  }
  const { pid, since, host, purpose } = owner;
  const elsewhere = host === "" || host === hostname() ? {} : { host };
  return new GuardapesosError("WEIGHTS_IN_USE", { folder, pid, since, purpose, ...elsewhere });
}

/** @returns the path of the announcement */
async function announce(
  disk: Disk,
  folder: string,
  name: string,
  here: Surroundings,
  purpose: Purpose,
): Promise<string> {
  const owner: Owner = {
    host: here.host,
    boot: here.boot,
    machine: here.machine,
    namespace: here.namespace,
    pid: process.pid,
    started: (await here.startOf(process.pid)) ?? "",
    since: new Date().toISOString(),
    purpose,
  };
  // Renamed into place, so that nobody ever reads half of it.
  const [temporary, path] = [join(folder, temporaryFile(name)), join(folder, name)];
  for (let tries = 1; ; tries++) {
    await writeText(disk, temporary, `${JSON.stringify(owner)}\n`);
    try {
      await disk.rename(temporary, path);
      return path;
    } catch (error) {
      await removeQuietly(disk, temporary);
      // A writer that is just opening clears away temporary files, this one too.
      if (codeOf(error) !== "ENOENT" || tries === 5) throw error;
    }
  }
}

/** A writer's announcement, as others see it. */
export interface Announcement {
  readonly path: string;
  /** undefined: it cannot be read, as one that a power cut has torn. */
  readonly owner: Owner | undefined;
}

/**
 * The announcements of living writers, and those of dead ones. What has such a name and is no file is nobody's.
 * @param now by the clock of the file system, milliseconds since 1970
 */
async function readAnnouncements(
  disk: Disk,
  folder: string,
  now: number,
  here: Surroundings,
): Promise<{ readonly living: readonly Announcement[]; readonly dead: readonly string[] }> {
  const living: Announcement[] = [];
  const dead: string[] = [];
  for (const name of (await disk.list(folder)).filter(isLockName)) {
    const path = join(folder, name);
    const [info, owner] = [await disk.info(path), await readOwner(disk, path)];
    if (info?.kind !== "file") continue; // released meanwhile
    // A time that has yet to come says nothing but that there was something: it counts from now on.
    const ahead = info.modified - now > heartbeat * 1000;
    if (ahead) await disk.append(path, "\n").catch(() => undefined);
    const silence = Math.max(0, now - info.modified) / 1000;
    const lives = owner ? await isAlive(owner, silence, here) : silence <= silenceLimit;
    if (lives) living.push({ path, owner });
    else dead.push(path);
  }
  return { living, dead };
}

/** The others that write to the folder, or are about to; what dead ones have left goes. */
async function findOthers(
  disk: Disk,
  folder: string,
  mine: string,
  here: Surroundings,
): Promise<readonly Announcement[]> {
  const now = (await disk.info(mine))?.modified ?? Date.now();
  const { living, dead } = await readAnnouncements(disk, folder, now, here);
  for (const path of dead) if (path !== mine) await removeQuietly(disk, path);
  return living.filter(({ path }) => path !== mine);
}

/** Who writes to a folder now. Removes nothing. @param now as the file system tells it; this computer's time when left out */
export async function findWriters(
  disk: Disk,
  folder: string,
  now: number = Date.now(),
): Promise<readonly Announcement[]> {
  return (await readAnnouncements(disk, folder, now, await surroundings(disk))).living;
}

/** Whether the process of an announcement is there still, as far as that can be told from here. */
export async function isRunning(disk: Disk, owner: Owner): Promise<boolean> {
  return isAlive(owner, Infinity, await surroundings(disk));
}

/** @returns undefined for one that cannot be read */
async function readOwner(disk: Disk, path: string): Promise<Owner | undefined> {
  try {
    const [line = ""] = (await disk.readText(path, { first: ownerAtMost })).split("\n");
    return ownerSchema.parse(parseBounded(line));
  } catch {
    return undefined;
  }
}

interface Held {
  readonly folder: string;
  /** What it is called towards the user. */
  readonly told: string;
  /** The path of the announcement. */
  readonly mine: string;
  readonly here: Surroundings;
  readonly purpose: Purpose;
  /** Of the folder, when the lock was taken. */
  readonly identity: string | undefined;
}

/** Whether the folder is the one that it was. */
async function isThereStill(disk: Disk, { folder, identity }: Held): Promise<boolean> {
  const info = await disk.target(folder);
  return info !== undefined && info.identity === identity;
}

/** Makes an announcement that somebody has removed again. */
async function renew(disk: Disk, held: Held): Promise<void> {
  const { folder, told, mine, here, purpose } = held;
  const gone = () => new GuardapesosError("WEIGHTS_FOLDER_GONE", { folder: told });
  if (!(await isThereStill(disk, held))) throw gone();
  try {
    await announce(disk, folder, basename(mine), here, purpose);
    const [other] = await findOthers(disk, folder, mine, here);
    if (other === undefined) return;
    await removeQuietly(disk, mine);
    throw inUse(told, other);
  } catch (error) {
    // It may have gone in this very moment.
    throw (await isThereStill(disk, held)) ? error : gone();
  }
}

function keepAlive(disk: Disk, held: Held): Lock {
  const { mine } = held;
  const beat = setInterval(() => {
    // Adding a byte lets the file system put its own time on it. A failure shows at the next check.
    void disk
      .info(mine)
      .then((info) => (info ? disk.append(mine, "\n") : undefined))
      .catch(() => undefined);
  }, heartbeat * 1000);
  beat.unref();
  return {
    path: mine,
    async check() {
      if ((await disk.info(mine)) === undefined) await renew(disk, held);
    },
    async release() {
      clearInterval(beat);
      // What stays would keep others out for as long as this process lives.
      for (let tries = 0; tries < 3 && (await isThere(disk, mine)); tries++) await removeQuietly(disk, mine);
    },
  };
}

async function isThere(disk: Disk, path: string): Promise<boolean> {
  return disk.info(path).then(
    (info) => info !== undefined,
    () => true,
  );
}

/** Whoever else removes it is right as well; a lock that cannot be removed is dead with this process. */
async function removeQuietly(disk: Disk, path: string): Promise<void> {
  await disk.remove(path).catch(() => undefined);
}

async function surroundings(disk: Disk): Promise<Surroundings> {
  const linux = process.platform === "linux";
  return {
    host: hostname(),
    boot: linux ? await systemText("/proc/sys/kernel/random/boot_id") : "",
    machine: linux ? await systemText("/etc/machine-id") : "",
    namespace: linux ? ((await disk.target("/proc/self/ns/pid").catch(() => undefined))?.identity ?? "") : "",
    bootedAt: Date.now() - uptime() * 1000,
    startOf: async (pid) => {
      if (!processExists(pid)) return undefined;
      if (!linux) return "";
      // Fields 3 (state) and 22 (start) of /proc/PID/stat; the name before them may hold spaces and parentheses.
      const stat = await systemText(`/proc/${pid}/stat`);
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      // A zombie is dead; only its parent has not looked yet.
      return fields[0] === "Z" || fields[0] === "X" ? undefined : (fields[19] ?? "");
    },
  };
}

function processExists(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}
