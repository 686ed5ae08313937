/** `guardapesos keep`: marks a checkpoint so that nothing removes it but a person, or takes the mark away. */
import { GuardapesosError } from "../../base/errors.js";
import { say, tell } from "../context.js";
import type { keepOptions } from "../options.js";
import { findGeneration, listChosen } from "../weights.js";
import { weightsCommand, type FlagsOf } from "../weights-command.js";

/** Throws CHECKPOINT_NOT_FOUND, SERIES_NOT_FOUND, CHECKPOINT_DAMAGED for one that is, WEIGHTS_NOT_WRITABLE. Works while a training runs. */
export const keep = weightsCommand<FlagsOf<typeof keepOptions>>(
  async ({ context, flags, weights, checkpoint }, [reference = ""]) => {
    const { everyKeeper } = checkpoint;
    const result = await findGeneration(weights, await listChosen(weights, flags), reference);
    if ("damaged" in result) throw new GuardapesosError("CHECKPOINT_DAMAGED", result.damaged);
    const { found } = result;
    const [own, ...others] = everyKeeper(weights);
    const keeper = others.find(({ store }) => store === found.store) ?? own!;
    const { id, keptByHand } = await keeper.keep(found.id, !(flags.undo ?? false));
    tell(context, "kept", { id, keptByHand });
    const { kept, released } = context.texts.store;
    say(context, keptByHand ? kept(id) : released(id));
  },
);
