/**
 * A process that does nothing but save, to be killed in the middle: opens the store, goes on from the newest generation, and
 * says after each save what it has promised.
 *
 *   node saver.mjs FOLDER SIZE PROMISED-SAVES
 */
import { writeSync } from "node:fs";
import { newestWhole } from "../../src/checkpoint/resolve.js";
import { openStore } from "../../src/checkpoint/store.js";
import type { CheckpointKind } from "../../src/checkpoint/checkpoint.js";
import { sample } from "./numbers.js";

const [, , folder, size, count] = process.argv;
const kinds: readonly CheckpointKind[] = ["auto", "auto", "epoch", "emergency"];
const say = (text: string) => writeSync(1, `${text}\n`);

try {
  const store = await openStore({ folder: folder!, label: "DRUSEN", name: "local", ballast: false });
  const found = await newestWhole(folder!);
  const first = (found?.generation.step ?? 0) + 1;
  say(`ready ${found?.generation.step ?? 0}`);
  for (let step = first; step < first + Number(count); step++) {
    const report = await store.save(sample(step, kinds[step % kinds.length], Number(size)));
    say(`saved ${step} ${report.generation.sequence}`);
  }
  await store.close();
  say("closed");
} catch (error) {
  say(`error ${error instanceof Error && "code" in error ? String(error.code) : String(error)}`);
  process.exitCode = 1;
}
