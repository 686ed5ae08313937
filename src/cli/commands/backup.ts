/** `guardapesos backup`: a verified copy of the newest whole checkpoint. */
import type { Context } from "../context.js";
import { requireFolder, say, sayProblems, settingsOf, tell } from "../context.js";
import type { backupOptions, commonOptions, configOption, Settings } from "../options.js";
import { weightsFolder } from "../weights.js";

/** Throws PLACE_ELSEWHERE, SERIES_NOT_FOUND, CHECKPOINT_NOT_FOUND when there is nothing to copy, and what a copy that fails throws. Works while a training runs. */
export async function backup(
  context: Context,
  flags: Settings<typeof backupOptions & typeof commonOptions & typeof configOption>,
  [destination]: readonly string[],
): Promise<void> {
  const settings = await settingsOf(context, flags);
  requireFolder(destination);
  const weights = await weightsFolder(settings.weights);
  const checkpoint = await import("../../checkpoint/index.js");
  const keep = settings.backups === 0 ? undefined : settings.backups;
  const { class: wanted, name } = flags;
  const { whole } = await checkpoint.listGenerations(weights);
  const accepts = checkpoint.seriesFilter(whole, { class: wanted, name }, weights);
  const report = await checkpoint.backup(weights, { destination, daily: flags.daily, keep, accepts });
  const { backup: made, existing, folder, source, removed, problems } = report;
  tell(context, "backup", {
    id: source.id,
    folder: made?.folder ?? null,
    bytes: made?.bytes ?? 0,
    removed,
    problems,
  });
  const texts = context.texts.store.backup;
  if (made !== undefined) say(context, texts.made(made.folder, source.id, made.bytes));
  else if (existing !== undefined) {
    const age = (Date.now() - Date.parse(existing.verifiedAt ?? existing.savedAt)) / 1000;
    say(context, texts.already(existing.id, folder, Math.max(0, age)));
  }
  if (removed.length > 0) say(context, texts.removed(removed));
  sayProblems(context, problems);
}
