/** `guardapesos restore`: makes a backup, or an older checkpoint, the newest one again. */
import { join } from "node:path";
import { GuardapesosError, isGuardapesosError } from "../../base/errors.js";
import type { Keeper, Kept } from "../../checkpoint/index.js";
import { warning } from "../../events/warning.js";
import { ask, canAsk } from "../ask.js";
import type { Context } from "../context.js";
import { requireFolder, say, sayProblems, tell } from "../context.js";
import { exitCodeOfStop } from "../exit-codes.js";
import type { restoreOptions } from "../options.js";
import { epochOf, standingOf, whoseColumns } from "../present/checkpoint-rows.js";
import { table } from "../present/table.js";
import { weightsCommand, type FlagsOf } from "../weights-command.js";

/** What a killed training has left in memory would be superseded by what is restored: it is a checkpoint first. */
async function saveLeft(context: Context, weights: string): Promise<void> {
  const { takeUpLeft } = await import("../../training/outlive.js");
  for (const id of (await takeUpLeft(weights)).saved) {
    const { type, ...event } = warning("STATE_TAKEN_UP", { id });
    tell(context, type, event);
    for (const line of context.texts.events.warning({ type, ...event })) say(context, line);
  }
}

type Flags = FlagsOf<typeof restoreOptions>;

/** The exit code when the person says no. */
const declinedExitCode = 1;

/** Shows the backups: whose, of when, and where training stood. */
async function showBackups(context: Context, backups: readonly Kept[]): Promise<void> {
  const standings = await Promise.all(backups.map(standingOf));
  tell(context, "backups", {
    backups: backups.map(({ id, series, savedAt, verifiedAt, step, bytes, folder }, i) => {
      return { id, folder, series, savedAt, verifiedAt, step, bytes, position: standings[i] ?? null };
    }),
  });
  const { texts, output } = context;
  const { format, commands, store } = texts;
  const whose = whoseColumns(
    backups.map(({ series }) => series),
    texts,
  );
  const { resolution, epoch, step, size } = commands.columns;
  const { backup, saved } = store.restore.columns;
  const rows = backups.map(({ id, series, savedAt, step: steps, bytes }, i) => {
    const standing = standings[i];
    return [
      id,
      ...whose.cells(series),
      `${format.moment(savedAt)} (${commands.ago(Math.max(0, (Date.now() - Date.parse(savedAt)) / 1000))})`,
      standing === undefined ? "-" : `${standing.resolution}x${standing.resolution}`,
      standing === undefined ? "-" : epochOf(standing, texts),
      steps === undefined ? "-" : format.integer(steps),
      format.bytes(bytes),
    ];
  });
  const [heading = "", ...lines] = table([
    [backup, ...whose.heading, saved, resolution, epoch, step, size],
    ...rows,
  ]);
  say(context, heading, output.colors.bold);
  for (const line of lines) say(context, line);
}

/**
 * Which backup is to be restored, where none was named: the newest, once a person or `--yes` has said so.
 * @returns undefined when the person wants none; the exit code is set then
 */
async function chosen(context: Context, flags: Flags, backups: readonly Kept[]): Promise<string | undefined> {
  const newest = backups[0]!.id;
  await showBackups(context, backups);
  if (flags.yes === true) return newest;
  if (!canAsk(context)) throw new GuardapesosError("CONFIRMATION_NEEDED", { newest });
  const { restore } = context.texts.store;
  const answer = await ask(context, restore.question(newest));
  if (answer !== undefined && restore.yes.test(answer)) return newest;
  const named = backups.find(({ id }) => id === answer);
  if (named !== undefined) return named.id;
  say(context, restore.declined);
  context.exitCode = answer === undefined ? exitCodeOfStop("SIGINT") : declinedExitCode;
  return undefined;
}

interface Restoring {
  readonly accepts: (generation: Kept) => boolean;
  /** Done first where the store of networks is meant. */
  readonly before: () => Promise<void>;
}

/** By the first store that knows the reference. Throws what the first has said where none does. */
async function restoreBy(
  [keeper, ...others]: readonly Keeper[],
  reference: string,
  { accepts, before }: Restoring,
): ReturnType<Keeper["restore"]> {
  if (keeper!.isOwn) await before();
  try {
    return await keeper!.restore(reference, accepts);
  } catch (error) {
    if (others.length === 0 || !isGuardapesosError(error) || error.code !== "CHECKPOINT_NOT_FOUND")
      throw error;
    try {
      return await restoreBy(others, reference, { accepts, before });
    } catch (other) {
      throw isGuardapesosError(other) && other.code === "CHECKPOINT_NOT_FOUND" ? error : other;
    }
  }
}

/**
 * Throws PLACE_ELSEWHERE, NO_BACKUP, CONFIRMATION_NEEDED, SERIES_NOT_FOUND, CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, WEIGHTS_IN_USE while a
 * training runs, and as a save does.
 */
export const restore = weightsCommand<Flags>(async ({ context, flags, weights, checkpoint }, [reference]) => {
  requireFolder(reference);
  const { everyKeeper, listEvery, listEveryBackup, seriesFilter } = checkpoint;
  const keepers = everyKeeper(weights);
  const { whole: backups, damaged } = await listEveryBackup(keepers);
  const { whole } = await listEvery(keepers);
  const { class: wanted, name } = flags;
  const folder = join(weights, "backups");
  const wish = { class: wanted, name };
  const accepts = seriesFilter([...backups, ...(reference === undefined ? [] : whole)], wish, folder);
  const meant = backups.filter(accepts);
  if (reference === undefined) {
    // What cannot be read cannot say whose it is; it must not be taken for nothing.
    const { finding } = context.texts.store;
    const lost = damaged.map((one) => ({ code: "backup-damaged", level: "problem", ...one }) as const);
    for (const one of lost) say(context, `❌ ${finding["backup-damaged"](one)}`);
    if (meant.length === 0 && damaged[0]) throw new GuardapesosError("CHECKPOINT_DAMAGED", damaged[0]);
    if (meant.length === 0) throw new GuardapesosError("NO_BACKUP", { folder });
  }
  const id = reference ?? (await chosen(context, flags, meant));
  if (id === undefined) return;
  const isNamed = ({ store }: Keeper) =>
    [...meant, ...whole].some((one) => one.id === id && one.store === store);
  const { generation, source, files, problems } = await restoreBy(
    [...keepers.filter(isNamed), ...keepers.filter((keeper) => !isNamed(keeper))],
    id,
    { accepts, before: () => saveLeft(context, weights) },
  );
  tell(context, "restored", { id: generation.id, from: source.id, step: generation.step, files, problems });
  const { done, doneGuarded } = context.texts.store.restore;
  const isOwn = keepers.some((keeper) => keeper.isOwn && keeper.store === generation.store);
  say(context, (isOwn ? done : doneGuarded)(generation.id, source.id));
  const show = ({ path, bytes }: { readonly path: string; readonly bytes: number }): void =>
    say(context, `   ${path} (${context.texts.format.bytes(bytes)})`);
  files.forEach(show);
  sayProblems(context, problems);
  const { putBack } = await import("../../guard/put-back.js");
  const back = await putBack(generation.progress, generation.files, new Date());
  if (back.files.length === 0) return;
  tell(context, "put-back", back);
  back.files.forEach(show);
  for (const path of back.aside) say(context, context.texts.store.restore.aside(path));
});
