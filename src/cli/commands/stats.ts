/** `guardapesos stats`: what saving has cost, and what it takes. */
import type { Context } from "../context.js";
import { say, settingsOf, tell } from "../context.js";
import { table } from "../present/table.js";
import type { commonOptions, configOption, listOptions, Settings } from "../options.js";
import { weightsFolder } from "../weights.js";

export async function stats(
  context: Context,
  flags: Settings<typeof listOptions & typeof commonOptions & typeof configOption>,
): Promise<void> {
  const settings = await settingsOf(context, flags);
  const weights = await weightsFolder(settings.weights);
  const { storeStats } = await import("../../checkpoint/index.js");
  const figures = await storeStats(weights);
  tell(context, "stats", { weights, ...figures });
  const { store, format } = context.texts;
  const kinds = Object.entries(figures.byKind).filter(([, { saves }]) => saves > 0);
  if (kinds.length > 0) {
    const rows = kinds.map(([kind, { saves, seconds, bytes }]) => [
      kind,
      format.integer(saves),
      format.duration(seconds),
      format.bytes(bytes),
    ]);
    const [heading = "", ...lines] = table([[...store.statsColumns], ...rows]);
    say(context, context.output.colors.bold(heading));
    for (const line of [...lines, ""]) say(context, line);
  }
  for (const line of table(store.stats(figures))) say(context, line);
}
