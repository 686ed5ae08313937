/**
 * One writer per weights folder. Everyone who wants to write announces itself in a file of its own and then looks at the
 * others' files: whoever finds a living one withdraws. Announcing before looking means that two can never both believe
 * to be alone, and a file whose name is never used again can be removed without a race once its owner is dead.
 */
import { randomBytes } from "node:crypto";
import { hostname, uptime } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { GuardapesosError } from "../base/errors.js";
import { codeOf, writeText, type Disk } from "./disk.js";
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
}

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
  /** @throws WEIGHTS_IN_USE when another process has taken this lock for dead and removed it */
  check(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Becomes the only writer of a folder.
 * REQUIRES: it exists.
 * @param told what the folder is called towards the user
 * @throws WEIGHTS_IN_USE when a living process is
 */
export async function takeLock(disk: Disk, folder: string, told: string): Promise<Lock> {
  const here = await surroundings(disk);
  for (let tries = 1; ; tries++) {
    const mine = await announce(disk, folder, here);
    let other: Owner | undefined;
    try {
      other = await findLivingOther(disk, folder, mine, here);
    } catch (error) {
      await removeQuietly(disk, mine);
      throw error;
    }
    if (other === undefined) return keepAlive(disk, told, mine);
    await removeQuietly(disk, mine);
    // Two that started in the same instant both withdraw: they try again at different times.
    if (tries === 3) throw inUse(told, other);
    await wait(50 + Math.random() * 200 * tries);
  }
}

function inUse(folder: string, owner: Owner | undefined): GuardapesosError {
  const since = owner?.since ?? new Date().toISOString();
  return new GuardapesosError("WEIGHTS_IN_USE", { folder, pid: owner?.pid ?? 0, since });
}

/** @returns the path of the announcement */
async function announce(disk: Disk, folder: string, here: Surroundings): Promise<string> {
  const name = lockName(randomBytes(16).toString("hex"));
  const owner: Owner = {
    host: here.host,
    boot: here.boot,
    machine: here.machine,
    namespace: here.namespace,
    pid: process.pid,
    started: (await here.startOf(process.pid)) ?? "",
    since: new Date().toISOString(),
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

async function findLivingOther(
  disk: Disk,
  folder: string,
  mine: string,
  here: Surroundings,
): Promise<Owner | undefined> {
  const now = (await disk.info(mine))?.modified ?? Date.now();
  for (const name of (await disk.list(folder)).filter(isLockName)) {
    const path = join(folder, name);
    if (path === mine) continue;
    const [info, owner] = [await disk.info(path), await readOwner(disk, path)];
    if (info === undefined) continue; // released meanwhile
    if (await isAlive(owner, (now - info.modified) / 1000, here)) return owner;
    await removeQuietly(disk, path);
  }
  return undefined;
}

/** Who writes to a folder now; undefined when nobody does. Changes nothing. @returns also the path of the announcement */
export async function findWriter(
  disk: Disk,
  folder: string,
): Promise<{ readonly owner: Owner; readonly path: string } | undefined> {
  const here = await surroundings(disk);
  for (const name of (await disk.list(folder)).filter(isLockName)) {
    const path = join(folder, name);
    const [info, owner] = [await disk.info(path), await readOwner(disk, path)];
    if (info && (await isAlive(owner, (Date.now() - info.modified) / 1000, here))) return { owner, path };
  }
  return undefined;
}

/** An announcement that cannot be read (torn by a power cut) is one of an owner who cannot be asked. */
async function readOwner(disk: Disk, path: string): Promise<Owner> {
  const unknown: Owner = { host: "", boot: "", machine: "", namespace: "", pid: 0, started: "", since: "" };
  try {
    const value: unknown = JSON.parse((await disk.readText(path)).split("\n")[0] ?? "");
    return typeof value === "object" && value !== null ? { ...unknown, ...value } : unknown;
  } catch {
    return unknown;
  }
}

function keepAlive(disk: Disk, told: string, mine: string): Lock {
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
      if ((await disk.info(mine)) === undefined) throw inUse(told, undefined);
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
  const say = async (path: string) => (await disk.readText(path).catch(() => "")).trim();
  const linux = process.platform === "linux";
  return {
    host: hostname(),
    boot: linux ? await say("/proc/sys/kernel/random/boot_id") : "",
    machine: linux ? await say("/etc/machine-id") : "",
    namespace: linux ? ((await disk.info("/proc/self/ns/pid").catch(() => undefined))?.identity ?? "") : "",
    bootedAt: Date.now() - uptime() * 1000,
    startOf: async (pid) => {
      if (!processExists(pid)) return undefined;
      if (!linux) return "";
      // Fields 3 (state) and 22 (start) of /proc/PID/stat; the name before them may hold spaces and parentheses.
      const stat = await say(`/proc/${pid}/stat`);
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
