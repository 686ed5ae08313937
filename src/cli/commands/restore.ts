/** `guardapesos restore`: makes a backup, or an older checkpoint, the newest one again. */
import { join } from "node:path";
import { GuardapesosError } from "../../base/errors.js";
import type { Context } from "../context.js";
import { say, sayProblems, settingsOf, tell } from "../context.js";
import type { commonOptions, configOption, listOptions, Settings } from "../options.js";
import { weightsFolder } from "../weights.js";

/** What a killed training has left in memory would be superseded by what is restored: it is a checkpoint first. */
async function saveLeft(context: Context, weights: string): Promise<void> {
  const { takeUpLeft } = await import("../../training/outlive.js");
  for (const detail of (await takeUpLeft(weights)).saved) {
    const event = { type: "warning", code: "STATE_TAKEN_UP", detail } as const;
    tell(context, event.type, { code: event.code, detail });
    for (const line of context.texts.events.warning(event)) say(context, line);
  }
}

/** Throws NO_BACKUP, CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, WEIGHTS_IN_USE while a training runs, and as a save does. */
export async function restore(
  context: Context,
  flags: Settings<typeof listOptions & typeof commonOptions & typeof configOption>,
  [reference]: readonly string[],
): Promise<void> {
  const settings = await settingsOf(context, flags);
  const weights = await weightsFolder(settings.weights);
  const checkpoint = await import("../../checkpoint/index.js");
  const wanted = reference ?? (await checkpoint.listBackups(weights)).whole[0]?.id;
  if (wanted === undefined) throw new GuardapesosError("NO_BACKUP", { folder: join(weights, "backups") });
  await saveLeft(context, weights);
  const { generation, source, files, problems } = await checkpoint.restore(weights, wanted);
  tell(context, "restored", { id: generation.id, from: source.id, step: generation.step, files, problems });
  say(context, context.texts.store.restored(generation.id, source.id));
  for (const { path, bytes } of files) say(context, `   ${path} (${context.texts.format.bytes(bytes)})`);
  sayProblems(context, problems);
}
