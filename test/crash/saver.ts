/**
 * A process that does nothing but save, to be killed in the middle: opens the store, goes on from the newest generation, and
 * says after each save what it has promised.
 *
 *   node saver.mjs FOLDER SIZE COUNT [save|backup|prune]
 *
 * "backup" makes COUNT backups after its save; "prune" makes COUNT emergencies and removes all but the newest.
 */
import { writeSync } from "node:fs";
import { backup, newestWhole, openStore, prune, type CheckpointKind } from "../../src/checkpoint/index.js";
import { sample } from "./numbers.js";

const [, , folder, size, count, mode = "save"] = process.argv;
const kinds: readonly CheckpointKind[] = ["auto", "auto", "epoch", "emergency"];
const say = (text: string) => writeSync(1, `${text}\n`);

try {
  const store = await openStore({ folder: folder!, label: "DRUSEN", name: "local", ballast: false });
  const found = await newestWhole(folder!);
  const first = (found?.generation.step ?? 0) + 1;
  say(`ready ${found?.generation.step ?? 0}`);
  const saves = mode === "backup" ? 1 : Number(count);
  for (let step = first; step < first + saves; step++) {
    const kind = mode === "prune" ? "emergency" : kinds[step % kinds.length];
    const report = await store.save(sample(step, kind, Number(size)));
    say(`saved ${step} ${report.generation.sequence}`);
  }
  await store.close();
  say("closed");
  if (mode === "prune") await prune(folder!);
  for (let i = 0; mode === "backup" && i < Number(count); i++) await backup(folder!, { keep: 3 });
} catch (error) {
  say(`error ${error instanceof Error && "code" in error ? String(error.code) : String(error)}`);
  process.exitCode = 1;
}
