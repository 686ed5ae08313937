/** `guardapesos restore`: makes a backup, or an older checkpoint, the newest one again. */
import { join } from "node:path";
import { GuardapesosError } from "../../base/errors.js";
import type { Context } from "../context.js";
import { say, sayProblems, settingsOf, tell } from "../context.js";
import type { commonOptions, configOption, listOptions, Settings } from "../options.js";
import { weightsFolder } from "../weights.js";

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
  const { generation, source, files, problems } = await checkpoint.restore(weights, wanted);
  tell(context, "restored", { id: generation.id, from: source.id, step: generation.step, files, problems });
  say(context, context.texts.store.restored(generation.id, source.id));
  for (const { path, bytes } of files) say(context, `   ${path} (${context.texts.format.bytes(bytes)})`);
  sayProblems(context, problems);
}
