/** `guardapesos list`: the checkpoints of a weights folder, newest first. */
import type { Generation } from "../../checkpoint/index.js";
import { resolutions } from "../../progan/config.js";
import type { Texts } from "../../texts/index.js";
import type { Context } from "../context.js";
import { say, settingsOf, tell } from "../context.js";
import { table } from "../present/table.js";
import type { commonOptions, configOption, listOptions, Settings } from "../options.js";
import { weightsFolder } from "../weights.js";

const secondsSince = (iso: string, now: number): number => Math.max(0, (now - Date.parse(iso)) / 1000);

/** Where the training of a checkpoint stood, if it is one of a training. */
async function placeOf(generation: Generation) {
  const { fromJson, positionOf } = await import("../../training/progress.js");
  const progress = fromJson(generation.progress);
  if (progress === undefined) return undefined;
  const { place, config } = progress;
  return { ...positionOf(place), epochs: config.epochs[resolutions.indexOf(place.resolution)]! };
}

/** "3/20" when three epochs are done, "4/20, batch 500" in the middle of the fourth. */
function epochOf(
  { epoch, epochs, batch }: { epoch: number; epochs: number; batch: number },
  texts: Texts,
): string {
  return batch === 0 ? `${epoch}/${epochs}` : `${epoch + 1}/${epochs}, batch ${texts.format.integer(batch)}`;
}

function notesOf({ kind, reason, ...generation }: Generation, { store: { notes } }: Texts): string[] {
  return [
    ...(generation.keptByHand ? [notes.keptByHand] : []),
    ...(generation.nonFinite > 0 ? [`⚠ ${notes.notFinite(generation.nonFinite)}`] : []),
    // Why: a signal, or the code of an error.
    ...(kind === "emergency" ? [reason] : []),
    ...(generation.nameRemoved ? [notes.nameRemoved] : []),
  ];
}

async function rowOf(generation: Generation, texts: Texts, now: number): Promise<string[]> {
  const { format, commands } = texts;
  const place = await placeOf(generation);
  const { id, kind, step, savedAt, bytes, verifiedAt } = generation;
  return [
    id,
    kind,
    format.integer(step),
    place === undefined ? "-" : `${place.resolution}x${place.resolution}`,
    place === undefined ? "-" : format.decimal(place.alpha, 3),
    place === undefined ? "-" : epochOf(place, texts),
    commands.ago(secondsSince(savedAt, now)),
    format.bytes(bytes),
    commands.verifiedAgo(verifiedAt === undefined ? undefined : secondsSince(verifiedAt, now)),
    notesOf(generation, texts).join("; "),
  ];
}

/** Throws FOLDER_NOT_FOUND, NOT_A_WEIGHTS_FOLDER. */
export async function list(
  context: Context,
  flags: Settings<typeof listOptions & typeof commonOptions & typeof configOption>,
): Promise<void> {
  const settings = await settingsOf(context, flags);
  const folder = await weightsFolder(settings.weights);
  const { listBackups, listGenerations } = await import("../../checkpoint/index.js");
  const { whole, damaged } = await listGenerations(folder);
  const backups = (await listBackups(folder)).whole.map(({ id }) => id);

  const checkpoints = await Promise.all(
    whole.map(async ({ progress: _, ...generation }) => ({
      ...generation,
      position: (await placeOf({ ...generation, progress: _ })) ?? null,
    })),
  );
  tell(context, "checkpoints", { weights: folder, checkpoints, damaged, backups });

  const { commands } = context.texts;
  if (whole.length === 0 && damaged.length === 0) say(context, commands.noCheckpoints(folder));
  if (whole.length > 0) {
    const { id, kind, step, resolution, epoch, alpha, age, size, verified, notes } = commands.columns;
    const heading = [id, kind, step, resolution, alpha, epoch, age, size, verified, notes];
    const now = Date.now();
    const rows = await Promise.all(whole.map((generation) => rowOf(generation, context.texts, now)));
    const [first, ...rest] = table([heading, ...rows]);
    say(context, context.output.colors.bold(first ?? ""));
    for (const line of rest) say(context, line);
  }
  for (const { id, ...damage } of damaged) say(context, commands.damaged(id, damage));
  if (backups.length > 0) say(context, context.texts.store.backups(backups));
}
