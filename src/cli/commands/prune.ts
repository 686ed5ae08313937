/** `guardapesos prune`: removes the checkpoints that the rules let go, or says which they would be. */
import { say, sayProblems, tell } from "../context.js";
import { exitCodeOf } from "../exit-codes.js";
import type { pruneOptions } from "../options.js";
import { weightsCommand, type FlagsOf } from "../weights-command.js";

/** Exit code 74 when something could not be removed, 65 when something was not whole that the rules count on. Throws WEIGHTS_IN_USE while a training runs, but not with --dry-run. */
export const prune = weightsCommand<FlagsOf<typeof pruneOptions>>(
  async ({ context, flags, settings, weights, checkpoint }) => {
    const dryRun = flags.dryRun ?? false;
    const { keepersIn } = checkpoint;
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
  },
);
