/** A folder of its own for each test, so that no test sees what another one wrote. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A new empty folder; removed when the test that asked for it has ended. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "guardapesos-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
