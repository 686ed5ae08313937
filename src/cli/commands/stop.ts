/** `guardapesos stop`: asks the training of a weights folder to stop, and waits until it is safe. */
import { hostname } from "node:os";
import { GuardapesosError } from "../../base/errors.js";
import type { RunEventOf } from "../../events/event.js";
import type { Context } from "../context.js";
import { say, settingsOf, tell } from "../context.js";
import { exitCodeOfEnd } from "../exit-codes.js";
import type { commonOptions, configOption, listOptions, Settings } from "../options.js";
import { weightsFolder } from "../weights.js";

/** Exit code 0 when nothing runs, and when what ran has ended well; else that of its failure. */
export async function stop(
  context: Context,
  flags: Settings<typeof listOptions & typeof commonOptions & typeof configOption>,
): Promise<void> {
  const settings = await settingsOf(context, flags);
  const weights = await weightsFolder(settings.weights);
  const { newestWhole, requestStop } = await import("../../checkpoint/index.js");
  const request = await requestStop(weights);
  const { texts } = context;
  if (!request) {
    tell(context, "nothing-running", { weights });
    say(context, texts.store.stop.nothing(weights));
    return;
  }
  const { pid, host, since } = request;
  tell(context, "stop-asked", { pid, host, since });
  say(context, texts.store.stop.asked(pid, since, host === hostname() ? undefined : host));
  const ended = (await request.answered()) as RunEventOf<"ended"> | undefined;
  if (!ended) {
    const newest = await newestWhole(weights);
    throw new GuardapesosError("ENDED_WITHOUT_ANSWER", { pid, newest: newest?.generation.id });
  }
  const { type, ...facts } = ended;
  tell(context, type, facts);
  for (const line of texts.events.ended(ended)) say(context, line);
  if (ended.how === "failed") context.exitCode = exitCodeOfEnd(ended);
}
