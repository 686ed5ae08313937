/** What the tests of the store share. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export { sample, spoilt } from "./numbers.js";

/** A file system in memory where there is one: many crash tests need the order of operations, not a disk. */
export const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** A new empty folder that goes when the test ends. */
export async function temporaryFolder(name = "guardapesos-", parent = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(parent, name));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
