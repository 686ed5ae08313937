/** `guardapesos stats`: what saving has cost, what it takes, and what heat has done. */
import type { Keeper, SeriesStats } from "../../checkpoint/index.js";
import type { HeatSummary } from "../../thermal/history.js";
import type { Context } from "../context.js";
import { say, tell } from "../context.js";
import { whoseColumns } from "../present/checkpoint-rows.js";
import { sparkline } from "../present/sparkline.js";
import { table, tableWidth } from "../present/table.js";
import type { listOptions } from "../options.js";
import { weightsCommand, type FlagsOf } from "../weights-command.js";

export const stats = weightsCommand<FlagsOf<typeof listOptions>>(async ({ context, weights, checkpoint }) => {
  const { keepersIn } = checkpoint;
  for (const keeper of await keepersIn(weights)) await sayStats(context, weights, keeper);
});

async function sayStats(context: Context, weights: string, keeper: Keeper): Promise<void> {
  const figures = await keeper.stats();
  const heat = keeper.isOwn ? await heatOf(weights) : undefined;
  tell(context, "stats", { weights, ...(!keeper.isOwn && { store: keeper.store }), ...figures, heat });
  const { store, format } = context.texts;
  sayWhose(context, figures.bySeries);
  const kinds = Object.entries(figures.byKind).filter(([, { saves }]) => saves > 0);
  if (kinds.length > 0) {
    const rows = kinds.map(([kind, { saves, seconds, bytes }]) => [
      kind,
      format.integer(saves),
      format.duration(seconds),
      format.bytes(bytes),
    ]);
    const [heading = "", ...lines] = table([[...store.statsColumns], ...rows], tableWidth(context.output));
    say(context, heading, context.output.colors.bold);
    for (const line of [...lines, ""]) say(context, line);
  }
  for (const line of table(store.stats(figures))) say(context, line);
  if (heat === undefined) return;
  const { monitor } = context.texts;
  const course = context.output.symbols && heat.minutes.length > 0 ? sparkline(heat.minutes, 30, 30) : "";
  const rows = [...monitor.stats(heat), ...(course === "" ? [] : [[monitor.lastMinutes, course] as const])];
  for (const line of ["", ...table(rows)]) say(context, line);
}

/** Whose the checkpoints are. */
function sayWhose(context: Context, all: readonly SeriesStats[]): void {
  if (all.length === 0) return;
  const { store, format, commands } = context.texts;
  const whose = whoseColumns(
    all.map(({ series }) => series),
    context.texts,
  );
  const rows = all.map(({ series, generations, bytes, newest: { id, at } }) => [
    ...whose.cells(series),
    format.integer(generations),
    format.bytes(bytes),
    id,
    commands.ago(Math.max(0, (Date.now() - Date.parse(at)) / 1000)),
  ]);
  const [heading = "", ...lines] = table(
    [[...whose.heading, ...store.seriesColumns], ...rows],
    tableWidth(context.output),
  );
  say(context, heading, context.output.colors.bold);
  for (const line of [...lines, ""]) say(context, line);
}

/** What heat has done to the training of the newest checkpoint, over all its sessions. */
async function heatOf(weights: string): Promise<HeatSummary | undefined> {
  const { listGenerations } = await import("../../checkpoint/index.js");
  const { fromJson } = await import("../../training/progress.js");
  const [newest] = (await listGenerations(weights)).whole;
  return newest && fromJson(newest.progress)?.heat;
}
