/** A folder of its own for each test, so that no test sees what another one wrote. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** In memory where the system has that: none of these tests is about what a disk keeps, and fsync takes its time. */
const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** A new empty folder; removed when the test that asked for it has ended. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(join(base, "guardapesos-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
