/** What every command about a weights folder begins with: its settings, the folder, and the store's code, loaded only then. */
import { settingsOf, type Context } from "./context.js";
import type { FileSettings } from "./config-file.js";
import type { commonOptions, configOption, OptionTable, Settings } from "./options.js";
import { weightsFolder } from "./weights.js";

/** The flags of a command with these options. */
export type FlagsOf<Table extends OptionTable> = Settings<Table & typeof commonOptions & typeof configOption>;

/** What a weights command acts on. */
export interface WeightsCall<Flags> {
  readonly context: Context;
  /** What was typed alone. */
  readonly flags: Flags;
  /** The same over the settings of the config file. */
  readonly settings: FileSettings & Flags;
  /** The folder. */
  readonly weights: string;
  readonly checkpoint: typeof import("../checkpoint/index.js");
}

/**
 * Makes a command about a weights folder.
 * @throws what `act` throws; CONFIG_*, FOLDER_NOT_FOUND, NOT_A_WEIGHTS_FOLDER, FOLDER_NOT_READABLE before it
 */
export function weightsCommand<Flags extends Settings<typeof commonOptions & typeof configOption>>(
  act: (call: WeightsCall<Flags>, parameters: readonly string[]) => Promise<void>,
): (context: Context, flags: Flags, parameters: readonly string[]) => Promise<void> {
  return async (context, flags, parameters) => {
    const settings = await settingsOf(context, flags);
    const weights = await weightsFolder(settings.weights);
    const checkpoint = await import("../checkpoint/index.js");
    await act({ context, flags, settings, weights, checkpoint }, parameters);
  };
}
