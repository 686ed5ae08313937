/** `guardapesos verify`: reads checkpoints back and says whether they are what was saved. Nothing is changed. */
import { GuardapesosError } from "../../base/errors.js";
import type { Generation, Listing, Skipped } from "../../checkpoint/index.js";
import type { Context } from "../context.js";
import { say, settingsOf, tell } from "../context.js";
import { exitCodeOf } from "../exit-codes.js";
import type { commonOptions, configOption, Settings, verifyOptions } from "../options.js";

/** What was asked for: all, or the newest, or the one that `reference` means. */
async function chosen(
  weights: string,
  { whole, damaged }: Listing,
  reference: string | undefined,
  all: boolean,
): Promise<{ readonly generations: readonly Generation[]; readonly damaged: readonly Skipped[] }> {
  if (all) return { generations: whole, damaged };
  const [newest] = whole;
  if (reference === undefined || reference === "latest") {
    if (newest === undefined)
      throw new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference: "latest", known: [] });
    return { generations: [newest], damaged: [] };
  }
  const unreadable = damaged.filter(({ id }) => id === reference);
  if (unreadable.length > 0) return { generations: [], damaged: unreadable };
  const known = whole.find(({ id, kind }) => id === reference || kind === reference);
  if (known !== undefined) return { generations: [known], damaged: [] };
  const { resolveReference } = await import("../../checkpoint/index.js");
  const { source } = await resolveReference(weights, reference);
  if (source.from === "generation") return { generations: [source.generation], damaged: [] };
  // Files without a manifest: there is nothing to compare them with.
  const ids = whole.slice(0, 5).map(({ id }) => id);
  throw new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference, known: ids });
}

/** Exit code 65 when anything is damaged. */
export async function verify(
  context: Context,
  flags: Settings<typeof verifyOptions & typeof commonOptions & typeof configOption>,
  [reference]: readonly string[],
): Promise<void> {
  const settings = await settingsOf(context, flags);
  const weights = settings.weights ?? "weights";
  const { listGenerations, verifyGeneration } = await import("../../checkpoint/index.js");
  const listing = await listGenerations(weights);
  const { generations, damaged } = await chosen(weights, listing, reference, flags.all ?? false);
  const { commands } = context.texts;
  const damageFound = () => {
    context.exitCode = exitCodeOf("CHECKPOINT_DAMAGED");
  };

  for (const generation of generations) {
    const parent = listing.whole.find(({ id }) => id === generation.parent);
    const result = await verifyGeneration(generation, {
      deep: flags.deep ?? false,
      ...(parent && { parent }),
    });
    const { id, damages, bytes, nonFinite, stale } = result;
    tell(context, "verified", result);
    if (damages.length > 0) damageFound();
    for (const damage of damages) say(context, commands.damaged(id, damage));
    if (damages.length === 0) say(context, commands.whole(id, bytes));
    if (nonFinite > 0) say(context, commands.notFinite(nonFinite));
    if (stale === true) say(context, commands.stale(id));
  }
  for (const { id, ...damage } of damaged) {
    damageFound();
    tell(context, "verified", { id, whole: false, damages: [damage] });
    say(context, commands.damaged(id, damage));
  }
}
