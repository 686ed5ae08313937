/** `guardapesos backup`: a verified copy of the newest whole checkpoint. */
import type { Keeper } from "../../checkpoint/index.js";
import type { Context } from "../context.js";
import { requireFolder, say, sayProblems, tell } from "../context.js";
import type { backupOptions } from "../options.js";
import { weightsCommand, type FlagsOf } from "../weights-command.js";

/** Throws PLACE_ELSEWHERE, SERIES_NOT_FOUND, CHECKPOINT_NOT_FOUND when there is nothing to copy, and what a copy that fails throws. Works while a training runs. */
export const backup = weightsCommand<FlagsOf<typeof backupOptions>>(
  async ({ context, flags, settings, weights, checkpoint }, [destination]) => {
    requireFolder(destination);
    const { keepersIn, listEvery, seriesFilter } = checkpoint;
    const keepers = await keepersIn(weights);
    const { class: wanted, name } = flags;
    const { whole } = await listEvery(keepers);
    const accepts = seriesFilter(whole, { class: wanted, name }, weights);
    const keep = settings.backups === 0 ? undefined : settings.backups;
    // A store that has nothing, or nothing of what was asked for, is passed over where another one has.
    const stocked = keepers.filter(({ store }) => whole.some((one) => one.store === store && accepts(one)));
    for (const keeper of stocked.length > 0 ? stocked : keepers.slice(0, 1))
      sayBackup(context, await keeper.backup({ destination, daily: flags.daily, keep, accepts }));
  },
);

function sayBackup(context: Context, report: Awaited<ReturnType<Keeper["backup"]>>): void {
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
