/** `guardapesos keep`: marks a checkpoint so that nothing removes it but a person, or takes the mark away. */
import { GuardapesosError } from "../../base/errors.js";
import type { Context } from "../context.js";
import { say, settingsOf, tell } from "../context.js";
import type { commonOptions, configOption, keepOptions, Settings } from "../options.js";
import { findGeneration, listChosen, weightsFolder } from "../weights.js";

/** Throws CHECKPOINT_NOT_FOUND, SERIES_NOT_FOUND, CHECKPOINT_DAMAGED for one that is, WEIGHTS_NOT_WRITABLE. Works while a training runs. */
export async function keep(
  context: Context,
  flags: Settings<typeof keepOptions & typeof commonOptions & typeof configOption>,
  [reference = ""]: readonly string[],
): Promise<void> {
  const settings = await settingsOf(context, flags);
  const weights = await weightsFolder(settings.weights);
  const { everyKeeper } = await import("../../checkpoint/index.js");
  const result = await findGeneration(weights, await listChosen(weights, flags), reference);
  if ("damaged" in result) throw new GuardapesosError("CHECKPOINT_DAMAGED", result.damaged);
  const { found } = result;
  const [own, ...others] = everyKeeper(weights);
  const keeper = others.find(({ store }) => store === found.store) ?? own!;
  const { id, keptByHand } = await keeper.keep(found.id, !(flags.undo ?? false));
  tell(context, "kept", { id, keptByHand });
  const { kept, released } = context.texts.store;
  say(context, keptByHand ? kept(id) : released(id));
}
