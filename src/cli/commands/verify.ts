/** `guardapesos verify`: reads checkpoints back and says whether they are what was saved. Nothing is changed. */
import { existsSync } from "node:fs";
import { GuardapesosError, isGuardapesosError } from "../../base/errors.js";
import type { KeptListing, SeriesWish } from "../../checkpoint/index.js";
import type { Context } from "../context.js";
import { say, settingsOf, tell } from "../context.js";
import { exitCodeOf } from "../exit-codes.js";
import type { commonOptions, configOption, Settings, verifyOptions } from "../options.js";
import { findGeneration, listChosen, weightsFolder } from "../weights.js";

/** What was asked for: all; the newest, and what is damaged and newer; or the one that `reference` means. */
async function chosen(
  weights: string,
  listing: KeptListing,
  reference: string | undefined,
  all: boolean,
): Promise<KeptListing> {
  if (all) return listing;
  if (reference === undefined || reference === "latest") {
    const [newest] = listing.whole;
    const damaged = listing.damaged.filter(({ id }) => newest === undefined || isNewer(id, newest.id));
    if (newest === undefined && damaged.length === 0)
      throw new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference: "latest", known: [] });
    return { whole: newest === undefined ? [] : [newest], damaged };
  }
  const result = await findGeneration(weights, listing, reference);
  return "found" in result
    ? { whole: [result.found], damaged: [] }
    : { whole: [], damaged: [result.damaged] };
}

/** By the stamps in the ids: a manifest that cannot be read has no place in the order. */
function isNewer(one: string, other: string): boolean {
  const stamp = (id: string) => id.split("-")[2] ?? "";
  return stamp(one) >= stamp(other);
}

/** Whether a reference is the path of something that is there and is no checkpoint of ours. */
async function isOfOthers(named: string | undefined, flags: SeriesWish, reference: string): Promise<boolean> {
  if (!existsSync(reference)) return false;
  try {
    const weights = await weightsFolder(named);
    await findGeneration(weights, await listChosen(weights, flags), reference);
    return false;
  } catch (error) {
    const isOurs = ["CHECKPOINT_DAMAGED", "CHECKPOINT_FORMAT_NEWER", "WEIGHTS_NOT_FINITE"];
    return !isGuardapesosError(error) || !isOurs.includes(error.code);
  }
}

/** Reads what another program wrote. @throws FOREIGN_NOT_FOUND, TORCH_FILE_UNREADABLE */
async function verifyForeign(context: Context, path: string): Promise<void> {
  const { foreignVerdictLines, judgeEach } = await import("../foreign.js");
  for await (const { tensors, ...found } of judgeEach(context, path)) {
    const whole = found.verdict === "unknown" ? null : found.verdict === "whole";
    tell(context, "verified", { ...found, whole, tensors: tensors.length });
    for (const line of foreignVerdictLines(found, context.texts)) say(context, line);
  }
}

/** Exit code 65 when anything is damaged. */
export async function verify(
  context: Context,
  flags: Settings<typeof verifyOptions & typeof commonOptions & typeof configOption>,
  [reference]: readonly string[],
): Promise<void> {
  const settings = await settingsOf(context, flags);
  if (reference !== undefined && (await isOfOthers(settings.weights, flags, reference)))
    return verifyForeign(context, reference);
  const weights = await weightsFolder(settings.weights);
  const { verifyGeneration } = await import("../../checkpoint/index.js");
  const listing = await listChosen(weights, flags);
  const { whole, damaged } = await chosen(weights, listing, reference, flags.all ?? false);
  const { commands } = context.texts;
  const damageFound = () => {
    context.exitCode = exitCodeOf("CHECKPOINT_DAMAGED");
  };

  const gone: string[] = [];
  for (const generation of whole) {
    const parent = listing.whole.find(
      ({ id, store }) => id === generation.parent && store === generation.store,
    );
    const result = await verifyGeneration(generation, {
      deep: flags.deep ?? false,
      ...(parent && { parent }),
    });
    const { id, damages, bytes, nonFinite, stale } = result;
    if (result.gone) {
      gone.push(id);
      continue;
    }
    tell(context, "verified", result);
    if (damages.length > 0) damageFound();
    for (const damage of damages) say(context, commands.damaged(id, damage));
    if (damages.length === 0) say(context, commands.whole(id, bytes));
    if (nonFinite > 0) say(context, commands.notFinite(nonFinite));
    if (stale === true) say(context, commands.stale(id));
  }
  if (gone.length > 0) {
    // Which one the reference means now, or that there is none any more.
    if (!(flags.all ?? false)) return verify(context, flags, reference === undefined ? [] : [reference]);
    say(context, commands.gone(gone));
  }
  for (const { id, ...damage } of damaged) {
    damageFound();
    tell(context, "verified", { id, whole: false, damages: [damage] });
    say(context, commands.damaged(id, damage));
  }
}
