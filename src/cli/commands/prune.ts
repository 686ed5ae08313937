/** `guardapesos prune`: removes the checkpoints that the rules let go, or says which they would be. */
import type { Context } from "../context.js";
import { say, sayProblems, settingsOf, tell } from "../context.js";
import { exitCodeOf } from "../exit-codes.js";
import type { commonOptions, configOption, pruneOptions, Settings } from "../options.js";
import { weightsFolder } from "../weights.js";

/** Exit code 74 when something could not be removed, 65 when something was not whole that the rules count on. Throws WEIGHTS_IN_USE while a training runs, but not with --dry-run. */
export async function prune(
  context: Context,
  flags: Settings<typeof pruneOptions & typeof commonOptions & typeof configOption>,
): Promise<void> {
  const settings = await settingsOf(context, flags);
  const weights = await weightsFolder(settings.weights);
  const dryRun = flags.dryRun ?? false;
  const { keepersIn } = await import("../../checkpoint/index.js");
  const reports = [];
  for (const keeper of await keepersIn(weights))
    reports.push(await keeper.prune({ dryRun, rules: { everySteps: settings.keepEvery ?? 0 } }));
  const removals = reports.flatMap((report) => report.removals);
  const removed = reports.flatMap((report) => report.removed);
  const freed = reports.reduce((sum, report) => sum + report.freed, 0);
  const kept = reports.reduce((sum, report) => sum + report.kept, 0);
  const damaged = reports.flatMap((report) => report.damaged);
  const problems = reports.flatMap((report) => report.problems);
  tell(context, "pruned", {
    dryRun,
    removals: removals.map(({ generation: { id, kind, step, bytes }, reason }) => ({
      id,
      kind,
      step,
      bytes,
      reason,
    })),
    removed,
    freed,
    kept,
    damaged,
    problems,
  });
  const texts = context.texts.store.prune;
  for (const { generation, reason } of removals) {
    say(context, texts.going(generation.id, generation.bytes, reason));
  }
  for (const { id, ...damage } of damaged) say(context, `⚠ ${texts.damaged(id, damage)}`);
  sayProblems(context, problems);
  const count = dryRun ? removals.length : removed.length;
  say(context, removals.length === 0 ? texts.nothing(kept) : texts.total(count, freed, dryRun));
  if (damaged.length > 0) context.exitCode = exitCodeOf("CHECKPOINT_DAMAGED");
  if (problems.length > 0) context.exitCode = exitCodeOf("SAVE_FAILED");
}
