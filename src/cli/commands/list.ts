/** `guardapesos list`: the checkpoints of a weights folder, newest first. */
import type { Kept } from "../../checkpoint/index.js";
import type { Texts } from "../../texts/index.js";
import { networkOf } from "../../progan/parameters.js";
import { say, tell } from "../context.js";
import { epochOf, standingOf, whoseColumns } from "../present/checkpoint-rows.js";
import { table, tableWidth } from "../present/table.js";
import type { seriesListOptions } from "../options.js";
import { listChosen } from "../weights.js";
import { weightsCommand, type FlagsOf } from "../weights-command.js";

const secondsSince = (iso: string, now: number): number => Math.max(0, (now - Date.parse(iso)) / 1000);

function notesOf({ kind, reason, ...generation }: Kept, { store: { notes } }: Texts): string[] {
  return [
    ...(generation.keptByHand ? [notes.keptByHand] : []),
    ...(generation.nonFinite > 0 ? [`⚠ ${notes.notFinite(generation.nonFinite)}`] : []),
    // Why: a signal, or the code of an error.
    ...(kind === "emergency" ? [reason] : []),
    ...(generation.nameRemoved ? [notes.nameRemoved] : []),
  ];
}

async function rowOf(
  generation: Kept,
  texts: Texts,
  whose: readonly string[],
  now: number,
): Promise<string[]> {
  const { format, commands } = texts;
  const place = await standingOf(generation);
  const { id, kind, step, savedAt, bytes, verifiedAt } = generation;
  return [
    id,
    ...whose,
    kind,
    step === undefined ? "-" : format.integer(step),
    place === undefined ? "-" : `${place.resolution}x${place.resolution}`,
    place === undefined ? "-" : format.decimal(place.alpha, 3),
    place === undefined ? "-" : epochOf(place, texts),
    commands.ago(secondsSince(savedAt, now)),
    format.bytes(bytes),
    commands.verifiedAgo(verifiedAt === undefined ? undefined : secondsSince(verifiedAt, now)),
    notesOf(generation, texts).join("; "),
  ];
}

/** Throws SERIES_NOT_FOUND, FOLDER_NOT_FOUND, NOT_A_WEIGHTS_FOLDER. */
export const list = weightsCommand<FlagsOf<typeof seriesListOptions>>(
  async ({ context, flags, weights, checkpoint }) => {
    const { whole, damaged } = await listChosen(weights, flags);
    const { keepersIn, listEveryBackup, loosePairs } = checkpoint;
    const backups = (await listEveryBackup(await keepersIn(weights))).whole.map(({ id }) => id);

    const checkpoints = await Promise.all(
      // A path may name patients, and lists are handed on.
      whole.map(async ({ progress: _, local: __, ...generation }) => ({
        ...generation,
        position: (await standingOf({ progress: _ })) ?? null,
      })),
    );
    const isEmpty = whole.length === 0 && damaged.length === 0;
    const { pairs } = isEmpty
      ? await loosePairs(weights, { plain: { recognise: networkOf } })
      : { pairs: [] };
    const loose = pairs.map(({ files }) => [...new Set(files.values())]);
    tell(context, "checkpoints", { weights: weights, checkpoints, damaged, backups, pairs: loose });

    const { commands } = context.texts;
    if (isEmpty) say(context, commands.noCheckpoints(weights, loose));
    if (whole.length > 0) {
      const { id, kind, step, resolution, epoch, alpha, age, size, verified, notes } = commands.columns;
      const whose = whoseColumns(
        whole.map(({ series }) => series),
        context.texts,
      );
      const heading = [
        id,
        ...whose.heading,
        kind,
        step,
        resolution,
        alpha,
        epoch,
        age,
        size,
        verified,
        notes,
      ];
      const now = Date.now();
      const rows = await Promise.all(
        whole.map((one) => rowOf(one, context.texts, whose.cells(one.series), now)),
      );
      const [first, ...rest] = table([heading, ...rows], tableWidth(context.output));
      say(context, first ?? "", context.output.colors.bold);
      for (const line of rest) say(context, line);
    }
    for (const { id, ...damage } of damaged) say(context, commands.damaged(id, damage));
    if (backups.length > 0) say(context, context.texts.store.backups(backups));
  },
);
