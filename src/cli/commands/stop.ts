/** `guardapesos stop`: asks the training of a weights folder to stop, and waits until it is safe. */
import { hostname } from "node:os";
import { GuardapesosError } from "../../base/errors.js";
import type { Context } from "../context.js";
import { say, tell } from "../context.js";
import { exitCodeOfEnd } from "../exit-codes.js";
import type { listOptions } from "../options.js";
import { weightsCommand, type FlagsOf } from "../weights-command.js";

/** Exit code 0 when nothing runs, and when what ran has ended well; else that of its failure. */
export const stop = weightsCommand<FlagsOf<typeof listOptions>>(async ({ context, weights, checkpoint }) => {
  const { newestWhole, requestStop } = checkpoint;
  const { endedOf } = await import("../../training/ended.js");
  const request = await requestStop(weights);
  const { texts } = context;
  if (!request) return tellNothing(context, weights);
  const { pid, host, since } = request;
  tell(context, "stop-asked", { pid, host, since });
  say(context, texts.store.stop.asked(pid, since, host === hostname() ? undefined : host));
  const ended = endedOf(await request.answered());
  if (!ended) {
    const newest = await newestWhole(weights);
    throw new GuardapesosError("ENDED_WITHOUT_ANSWER", { pid, newest: newest?.generation.id });
  }
  const { type, ...facts } = ended;
  tell(context, type, facts);
  for (const line of texts.events.ended(ended)) say(context, line);
  if (ended.how !== "failed") return;
  if (ended.child !== undefined) {
    context.exitCode = ended.child.exitCode;
    return;
  }
  const isKnown = ended.code !== undefined && Object.hasOwn(texts.errors, ended.code);
  context.exitCode = exitCodeOfEnd(isKnown ? ended : { ...ended, code: undefined });
});

/** Nobody trains; somebody may look after the checkpoints. */
async function tellNothing(context: Context, weights: string): Promise<void> {
  const { findHolder } = await import("../../checkpoint/index.js");
  const { pid, host, purpose } = (await findHolder(weights)) ?? {};
  const { stop: sentences } = context.texts.store;
  tell(context, "nothing-running", {
    weights,
    ...(purpose === undefined ? {} : { holder: { pid, host, purpose } }),
  });
  say(context, sentences.nothing(weights));
  if (pid !== undefined && purpose !== undefined)
    say(context, sentences.busy(purpose, pid, host === hostname() ? undefined : host));
}
